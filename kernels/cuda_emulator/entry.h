// What the Python side calls: for each kernel one function that launches it, and one that tells
// the types of its parameters, so that a wrong argument is refused and not misread.
// Read next: `build.py`, which puts these files and a kernel's source together.

#include <string>
#include <type_traits>

namespace emulator {

// "f4" for a float, "r:f4" for a `const float*`, "w:f4" for a `float*`, "V24" for a struct.
template <class T>
static std::string type_code() {
  using Bare = std::remove_cv_t<T>;
  if constexpr (std::is_pointer_v<Bare>) {
    using Pointee = std::remove_pointer_t<Bare>;
    return (std::is_const_v<Pointee> ? "r:" : "w:") + type_code<Pointee>();
  } else {
    const char* kind = "V";
    if (std::is_same_v<Bare, bool>) kind = "b";
    else if (std::is_floating_point_v<Bare>) kind = "f";
    else if (std::is_unsigned_v<Bare>) kind = "u";
    else if (std::is_integral_v<Bare>) kind = "i";
    return kind + std::to_string(sizeof(Bare));
  }
}

template <class... P>
static const char* signature(void (*)(P...)) {
  static std::string text;
  text.clear();
  ((text += type_code<P>() + " "), ...);
  return text.c_str();
}

template <class... P, size_t... I>
EMULATOR_MACHINE static void call(void (*kernel)(P...), void** args, std::index_sequence<I...>) {
  kernel(*static_cast<P*>(args[I])...);
}
template <class... P>
static void call(void (*kernel)(P...), void** args) {
  call(kernel, args, std::index_sequence_for<P...>());
}

}  // namespace emulator

#define EMULATOR_KERNEL(name)                                                                   \
  extern "C" const char* emulator_signature_##name() { return emulator::signature(name); }     \
  extern "C" const char* emulator_launch_##name(const unsigned* grid, const unsigned* block,   \
                                                void** args, size_t shared_mem, int reverse,   \
                                                void** records) {                              \
    return emulator::launch([](void** a) { emulator::call(name, a); }, grid, block, args,      \
                            shared_mem, reverse != 0, records);                                \
  }
