import pytest

from messi_runtime import require_runtime_api


def test_code_that_was_generated_for_this_runtime_is_welcome():
    require_runtime_api(2, "chat_client")


def test_other_code_is_told_what_to_do():
    with pytest.raises(ImportError, match="chat_client was generated for runtime API 3 of messi"):
        require_runtime_api(3, "chat_client")
