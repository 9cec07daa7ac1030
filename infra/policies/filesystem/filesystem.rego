# What scripts may do with files: everything below one folder, and nothing elsewhere.
#
# The input; paths are absolute, without "..", and with symbolic links resolved:
#   operation    readFile, writeFile, appendFile, readdir, stat, exists, mkdir, rm, rename or copyFile
#   path         the file or folder
#   destination  where rename and copyFile lead
#   recursive    whether mkdir and rm are
#   encoding     how readFile hands out the content: "utf8" or "buffer"
package mcp.filesystem

default allow := false

allow if {
	input.operation in {"readFile", "readdir", "stat", "exists", "writeFile", "appendFile", "mkdir"}
	below(input.path)
}

# The folder itself stays.
allow if {
	input.operation == "rm"
	below(input.path)
	input.path != data.folder
}

allow if {
	input.operation in {"rename", "copyFile"}
	below(input.path)
	below(input.destination)
}

below(path) if path == data.folder

# The slash matters: /srv/scripts-of-others is not below /srv/scripts.
below(path) if startswith(path, concat("", [data.folder, "/"]))
