# cmake -DDEPFILE=<file> -P MessiDepfile.cmake
#
# protoc writes the paths of its dependency files as they are. Ninja and make want a backslash before a blank or a hash, and
# a dollar twice; without that they find no such file, and generate each time.

file(READ "${DEPFILE}" text)
# Lines end with a backslash, but for the last. A blank begins each line below the outputs, and is behind each colon.
string(REPLACE "\\\n " "\n" text "${text}")
string(REPLACE " \\\n" "\n" text "${text}")
string(REGEX REPLACE "([ #])" "\\\\\\1" text "${text}")
string(REPLACE "$" "$$" text "${text}")
string(REGEX REPLACE ":\\\\ " ": \n" text "${text}")
string(REPLACE "\n" " \\\n" text "${text}")
file(WRITE "${DEPFILE}" "${text}")
