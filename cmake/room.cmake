# osy_room(NAME [PRIVATE lib...] [PUBLIC room...])
#
# A static library of all *.c of the folder, less main.c. Its headers lie in include/ and are seen by the
# rooms that name it; headers beside the sources stay inside.
function(osy_room name)
	cmake_parse_arguments(ROOM "" "" "PUBLIC;PRIVATE" ${ARGN})
	file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
	list(FILTER sources EXCLUDE REGEX "/main\\.c$")
	if(NOT sources)
		file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/empty.c "typedef int osy_empty_room;\n")
		set(sources ${CMAKE_CURRENT_BINARY_DIR}/empty.c)
	endif()
	add_library(${name} STATIC ${sources})
	target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include
		PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
	target_link_libraries(${name} PUBLIC ${ROOM_PUBLIC} PRIVATE ${ROOM_PRIVATE})
endfunction()

# osy_program(NAME room...): main.c of the folder, linked with the rooms.
function(osy_program name)
	if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/main.c)
		add_executable(${name} main.c)
		target_link_libraries(${name} PRIVATE ${ARGN})
	endif()
endfunction()
