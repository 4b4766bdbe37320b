# cmake -DDEPFILE=<file> -P MessiDepfile.cmake
#
# protoc does not escape the paths in its dependency files. Ninja and make expect a backslash before a blank or a hash, and a dollar
# twice. Otherwise they find no such file, and generate each time.

file(READ "${DEPFILE}" text)
# All lines but the last end with a backslash. A blank begins each line below the outputs, and follows each colon.
string(REPLACE "\\\n " "\n" text "${text}")
string(REPLACE " \\\n" "\n" text "${text}")
string(REGEX REPLACE "([ #])" "\\\\\\1" text "${text}")
string(REPLACE "$" "$$" text "${text}")
string(REGEX REPLACE ":\\\\ " ": \n" text "${text}")
string(REPLACE "\n" " \\\n" text "${text}")
file(WRITE "${DEPFILE}" "${text}")
