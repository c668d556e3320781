# tests/unit/**/test_NAME.c -> build/tests/test_NAME, one program each, TAP on stdout.
# The programs link the fault-injecting seam, so any test may fail a call or move time.
file(GLOB seam_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/lib/seam_*.c)
add_library(synbak_seam_fault STATIC ${seam_sources})
file(GLOB testlib_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/lib/*.c)
list(FILTER testlib_sources EXCLUDE REGEX "/(seam_|fuzz_driver)")
add_library(synbak_testlib STATIC ${testlib_sources})
target_link_libraries(synbak_testlib PUBLIC synbak_base)

set(ALL_LIBS synbak_plain synbak_repository synbak_tree synbak_postgres synbak_store synbak_journal synbak_protocol
             synbak_schedule synbak_config synbak_base)
file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/tests/unit/test_*.c ${CMAKE_SOURCE_DIR}/tests/trace/test_*.c
     ${CMAKE_SOURCE_DIR}/tests/fault/test_*.c)
# Of the programs, files that are worth tests of their own: they are linked with what they need.
set(linked_by_test_repositories daemon/repositories.c daemon/read_parts.c daemon/set_json.c)
set(linked_by_test_ask_secret cli/ask_secret.c cli/channel.c)
foreach(source ${test_sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source} ${linked_by_${name}})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_compile_definitions(${name} PRIVATE SYNBAK_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_compile_options(${name} PRIVATE -Wno-conversion)
  target_link_libraries(${name} PRIVATE synbak_testlib ${ALL_LIBS} synbak_seam_fault)
endforeach()

# tests/fuzz/fuzz_NAME.c -> build/tests/fuzz_NAME: the corpus and a fixed number of mutations; the
# preset "fuzz" builds the same targets for libFuzzer.
if(NOT SYNBAK_FUZZ)
  file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.c)
  foreach(source ${fuzz_sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source} ${CMAKE_SOURCE_DIR}/tests/lib/fuzz_driver.c)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_compile_definitions(${name} PRIVATE SYNBAK_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    target_compile_options(${name} PRIVATE -Wno-conversion -Wno-missing-prototypes)
    target_link_libraries(${name} PRIVATE synbak_testlib ${ALL_LIBS} synbak_seam)
  endforeach()
endif()

# tests/tools/NAME.c -> build/tests/NAME: programs that integration tests ask.
file(GLOB tool_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/tools/*.c)
foreach(source ${tool_sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_compile_options(${name} PRIVATE -Wno-conversion)
  target_link_libraries(${name} PRIVATE synbak_testlib ${ALL_LIBS} synbak_seam)
endforeach()

# The programs once more with the fault-injecting seam, for kill and power-loss campaigns.
synbak_program(synbakd-fault synbak_seam_fault daemon ${SYNBAKD_LIBS})
synbak_program(synbak-worker-fault synbak_seam_fault daemon/worker ${WORKER_LIBS})
