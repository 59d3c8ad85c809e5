# kh_add_room(NAME SOURCES ... USES ...): one static library per room. USES names rooms below and outside libraries;
# headers are included by their path from the top (#include "base/error.h").
function(kh_add_room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;USES" ${ARGN})
    add_library(${name} STATIC ${ROOM_SOURCES})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC kh_flags ${ROOM_USES} Threads::Threads)
endfunction()

# kh_add_test(NAME SOURCES ... USES ... [THREADED] [PLAIN_ONLY] [TIMEOUT seconds]): one cmocka program. Labels say where it runs:
# "plain" always; "asan" unless PLAIN_ONLY; "tsan" when THREADED.
function(kh_add_test name)
    cmake_parse_arguments(TEST "THREADED;PLAIN_ONLY" "TIMEOUT" "SOURCES;USES" ${ARGN})
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 120)
    endif()
    add_executable(${name} ${TEST_SOURCES})
    target_link_libraries(${name} PRIVATE kh_flags ${TEST_USES} cmocka Threads::Threads)
    target_compile_options(${name} PRIVATE -Wno-missing-prototypes)
    set(labels unit plain)
    if(NOT TEST_PLAIN_ONLY)
        list(APPEND labels asan)
    endif()
    if(TEST_THREADED)
        list(APPEND labels tsan)
    endif()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${TEST_TIMEOUT} SKIP_RETURN_CODE 77)
endfunction()
