# Which modules scripts may import: these packages, from where npm: and jsr: lead to. What a package imports
# is asked about as well, so its dependencies belong into the list, too.
#
# The input:
#   url         the resolved URL
#   url_parsed  scheme, host, port, path, query
package mcp.modules

default allow := false

packages := {
	"camelcase",
	"jsr/@std/encoding",
	"lodash-es",
	"zod",
}

# A query is refused since esm.sh would take other packages into a bundle for it.
allow if {
	input.url_parsed.scheme == "https"
	input.url_parsed.host == "esm.sh"
	not contains(input.url, "?")
	package_name in packages
}

# The paths are /zod@3.22.4, /*zod@3.22.4, /v135/zod@3.22.4/es2022/zod.mjs, /stable/@scope/name@1.0.0, and
# /jsr/@std/encoding@1.0.0.
package_name := name if {
	pattern := `^/(?:v\d+/|stable/)?\*?((?:jsr/)?(?:@[^/@]+/)?[^/@]+)`
	[_, name] := regex.find_all_string_submatch_n(pattern, input.url_parsed.path, 1)[0]
}

# What stands in for Node's own modules.
allow if {
	input.url_parsed.scheme == "https"
	input.url_parsed.host == "esm.sh"
	regex.match(`^/node/[a-z_]+\.mjs$`, input.url_parsed.path)
}
