# vmq_room(NAME SOURCES a.cc … TESTS a_test.cc … LINKS vmq_base …)
# Makes the static library vmq_NAME from the room's sources, and, when tests are built, one GoogleTest program
# NAME_test from its tests, each test known to CTest. LINKS names the rooms and libraries that the room may use:
# nothing else is on its include or link line. Every header is included as "room/header.h" from src/.
function(vmq_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;TESTS;LINKS;TEST_LINKS" ${ARGN})
  if(ROOM_SOURCES)
    add_library(vmq_${name} STATIC ${ROOM_SOURCES})
    target_include_directories(vmq_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(vmq_${name} PUBLIC ${ROOM_LINKS})
  else()
    add_library(vmq_${name} INTERFACE)
    target_include_directories(vmq_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(vmq_${name} INTERFACE ${ROOM_LINKS})
  endif()
  if(VMQ_TESTS AND ROOM_TESTS)
    vmq_test(${name}_test SOURCES ${ROOM_TESTS} LINKS vmq_${name} ${ROOM_TEST_LINKS})
  endif()
endfunction()

# vmq_test(NAME SOURCES … LINKS …): one GoogleTest program, its cases known to CTest.
function(vmq_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${TEST_LINKS} GTest::gtest GTest::gtest_main Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
