#include "test/support/live_bytes.h"

#include <malloc.h>

#include <atomic>
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

void* allocate(std::size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  live += malloc_usable_size(memory);
  ++count;
  return memory;
}

void deallocate(void* memory) {
  if (memory == nullptr) return;
  live -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
// These too, since the sanitizers' own do not go by way of those above.
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

#endif

namespace messi::test {

std::size_t live_bytes() { return live; }
std::size_t allocations() { return count; }

}  // namespace messi::test
