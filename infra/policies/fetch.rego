# Which requests scripts may send: to these hosts, over https, and only to read.
#
# The input, on which the names are normalised before the question is put:
#   operation   "fetch"
#   method      "GET", "POST", ...
#   url         the whole URL
#   url_parsed  scheme, host, port, path, query
#   headers     by name, in lower case
package mcp.fetch

default allow := false

hosts := {
	"api.example.com",
	"files.example.org",
}

allow if {
	input.method in {"GET", "HEAD"}
	input.url_parsed.scheme == "https"
	input.url_parsed.host in hosts
}

# One host also takes orders, but only there.
allow if {
	input.method == "POST"
	input.url_parsed.scheme == "https"
	input.url_parsed.host == "api.example.com"
	startswith(input.url_parsed.path, "/public/")
}
