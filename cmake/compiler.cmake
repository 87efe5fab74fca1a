# Language, warnings and sanitizers for every target of ours.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

option(VMQ_TESTS "build the tests" ON)
option(VMQ_FUZZ "build the fuzz targets (needs clang)" OFF)
set(VMQ_SANITIZE "" CACHE STRING "value for -fsanitize=, for example address,undefined or thread")

add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Wold-style-cast -Werror -fno-omit-frame-pointer)
if(VMQ_SANITIZE)
  add_compile_options(-fsanitize=${VMQ_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${VMQ_SANITIZE})
  # Instrumented code misleads g++ 12 about sizes that it knows in the release build, where these stay errors.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict -Wno-mismatched-new-delete
      -Wno-maybe-uninitialized)
  endif()
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
