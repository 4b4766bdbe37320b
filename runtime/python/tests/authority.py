"""Certificates and keys, made by the openssl command."""

import pathlib
import subprocess


class Authority:
    """Signs certificates."""

    def __init__(self, folder: pathlib.Path, name="Example CA"):
        self._folder = folder
        self.certificate, self.key = folder / "ca.pem", folder / "ca_key.pem"
        folder.mkdir()
        openssl(
            *("req", "-x509", *_NEW_KEY, "-keyout", self.key, "-out", self.certificate),
            *("-days", "3", "-subj", f"/CN={name}"),
        )

    def sign(self, name, *, names="DNS:localhost,IP:127.0.0.1,IP:::1", subject=None, days=2):
        """Returns the paths of a certificate and its key. With a negative number of days it has
        expired."""
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}_key.pem"
        request, extensions = self._folder / "request", self._folder / "extensions"
        openssl(
            *("req", *_NEW_KEY, "-keyout", key, "-out", request),
            *("-subj", subject or f"/O=Example/CN={name}"),
        )
        extensions.write_text(f"subjectAltName={names}\n")
        openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key),
            *("-days", str(days), "-set_serial", "7", "-extfile", extensions),
            *("-out", certificate),
        )
        return certificate, key


def openssl(*arguments):
    """Returns what it prints."""
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
