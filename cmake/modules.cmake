# One static library per folder of lib/, and the three programs. A new file needs no edit here;
# a new dependency between modules does, and tests/lint/arrows checks that includes agree.

# synbak_module(NAME [libraries...]): lib/NAME/*.c as libsynbak_NAME.a
function(synbak_module name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lib/${name}/*.c)
  if(name STREQUAL base)
    list(FILTER sources EXCLUDE REGEX "/(io|clock)\\.c$")
  endif()
  if(NOT sources)
    add_library(synbak_${name} INTERFACE)
    target_link_libraries(synbak_${name} INTERFACE ${ARGN})
    return()
  endif()
  add_library(synbak_${name} STATIC ${sources})
  target_link_libraries(synbak_${name} PUBLIC ${ARGN})
endfunction()

# The seam: the product links io.c and clock.c, the fault-injecting programs link
# tests/lib/seam_*.c in their place. Nothing else is compiled twice.
add_library(synbak_seam STATIC lib/base/io.c lib/base/clock.c)

if(ISAL_FOUND)
  set(ISAL PkgConfig::ISAL)
  add_compile_definitions(HAVE_ISAL)
endif()

synbak_module(base PkgConfig::JANSSON Threads::Threads)
synbak_module(config synbak_base)
synbak_module(schedule synbak_config synbak_base)
synbak_module(protocol synbak_config synbak_base)
synbak_module(journal synbak_base PkgConfig::CRYPTO)
synbak_module(store synbak_base PkgConfig::CRYPTO PkgConfig::LIBCURL PkgConfig::EXPAT PkgConfig::LIBSSH2)
synbak_module(tree synbak_base PkgConfig::LIBARCHIVE)
synbak_module(plain synbak_tree synbak_store synbak_base PkgConfig::CRYPTO PkgConfig::ZLIB PkgConfig::LIBARCHIVE ${ISAL})
synbak_module(repository synbak_tree synbak_store synbak_base PkgConfig::CRYPTO PkgConfig::LIBZSTD)
synbak_module(postgres synbak_base PkgConfig::LIBPQ)

# synbak_program(NAME SEAM FOLDER [libraries...])
function(synbak_program name seam folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${ARGN} ${seam})
endfunction()

set(SYNBAKD_LIBS synbak_schedule synbak_journal synbak_protocol synbak_config synbak_base
                 PkgConfig::LIBUV PkgConfig::LIBSYSTEMD)
set(WORKER_LIBS synbak_plain synbak_repository synbak_tree synbak_postgres synbak_store synbak_protocol synbak_base
                PkgConfig::LIBCURL)
set(SYNBAKCTL_LIBS synbak_schedule synbak_protocol synbak_config synbak_base)

synbak_program(synbakd synbak_seam daemon ${SYNBAKD_LIBS})
synbak_program(synbak-worker synbak_seam daemon/worker ${WORKER_LIBS})
synbak_program(synbakctl synbak_seam cli ${SYNBAKCTL_LIBS})
foreach(program synbakd synbakctl) # where they find synbak-worker once installed
  if(TARGET ${program})
    target_compile_definitions(${program} PRIVATE SYNBAK_LIBEXECDIR="${CMAKE_INSTALL_FULL_LIBEXECDIR}/synbak")
  endif()
endforeach()

# 600,000 rounds made of intrinsics, over arrays of fixed size: without optimization a minute for each key, and under the
# sanitizers a second, where tests stretch hundreds. Its results are compared with OpenSSL's.
set_source_files_properties(${CMAKE_SOURCE_DIR}/lib/plain/stretch.c PROPERTIES COMPILE_OPTIONS "-O2;-fno-sanitize=all")
