#include "test/support/live_bytes.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MESSI_TEST_TSAN
#endif
#endif

namespace {

std::atomic<std::size_t> live{0};
std::atomic<std::size_t> count{0};

}  // namespace

#ifdef MESSI_TEST_TSAN

// Its `operator new` cannot be replaced, but it tells of every allocation, those with malloc too.
#include <sanitizer/allocator_interface.h>

namespace {

void on_allocated(const volatile void* /*memory*/, std::size_t size) {
  live += size;
  ++count;
}
void on_freed(const volatile void* memory) {
  live -= __sanitizer_get_allocated_size(const_cast<const void*>(memory));
}
const int kInstalled = __sanitizer_install_malloc_and_free_hooks(on_allocated, on_freed);

}  // namespace

#else

namespace {

// What was asked for is written in front of the memory: what malloc makes of it differs by 16 bytes
// with what lies beside it.
constexpr std::size_t kHeader = alignof(std::max_align_t);
static_assert(kHeader >= sizeof(std::size_t));

void* allocate(std::size_t size) {
  auto* const memory = static_cast<std::byte*>(std::malloc(kHeader + size));
  if (memory == nullptr) std::abort();
  new (memory) std::size_t(size);
  live += size;
  ++count;
  return memory + kHeader;
}

void deallocate(void* memory) {
  if (memory == nullptr) return;
  std::byte* const begin = static_cast<std::byte*>(memory) - kHeader;
  live -= *reinterpret_cast<std::size_t*>(begin);
  std::free(begin);
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
// Those without exceptions too, since the sanitizers' own do not go by way of those above.
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return allocate(size);
}
void operator delete(void* memory) noexcept { deallocate(memory); }
void operator delete[](void* memory) noexcept { deallocate(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { deallocate(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { deallocate(memory); }
void operator delete(void* memory, const std::nothrow_t& /*tag*/) noexcept { deallocate(memory); }
void operator delete[](void* memory, const std::nothrow_t& /*tag*/) noexcept { deallocate(memory); }

#endif

namespace messi::test {

std::size_t live_bytes() { return live; }
std::size_t allocations() { return count; }

}  // namespace messi::test
