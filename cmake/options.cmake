# Warnings, hardening and instrumentation, the same for every target.
add_compile_definitions(_GNU_SOURCE _FILE_OFFSET_BITS=64 SYNBAK_VERSION="${PROJECT_VERSION}")
add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes
                    -Wvla -Wformat=2 -Wpointer-arith -Wundef -fno-common -fstack-protector-strong
                    $<$<C_COMPILER_ID:GNU>:-Wjump-misses-init> # a goto past a cleanup variable
                    $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>) # messages are cut on purpose
if(SYNBAK_WERROR)
  add_compile_options(-Werror)
endif()
if(SYNBAK_SANITIZE)
  add_compile_options(-fsanitize=${SYNBAK_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SYNBAK_SANITIZE})
  if(SYNBAK_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
else()
  add_compile_definitions($<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()
if(SYNBAK_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # so that the fuzzer sees into the libraries
endif()
if(SYNBAK_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_link_options(-Wl,-z,relro,-z,now -Wl,--as-needed)
include_directories(${CMAKE_SOURCE_DIR})
