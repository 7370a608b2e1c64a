# Whether a name or URI is written in the one way in which it can be compared. Servers trim, normalise and decode what they are given,
# each in its own way: what any of them could take for another name is not plain. Only rules that restrict something may ask.
package policies.protocol_and_identity

plain_name(name) if {
	name != ""
	count(name) <= 256
	trim(name, concat("", [alphanumeric, "_.-/:@ "])) == ""
	trim(name, " ") == name
}

# No empty segment (`//` behind the authority), no white space at the end, and no character that RFC 3986 wants encoded.
has_one_name(uri) if {
	count(uri) <= 4096
	trim(uri, concat("", [alphanumeric, "-._~:/?[]@!$&'()*+,;=%"])) == ""
	path := without_query(behind_scheme(uri))
	not contains(trim_prefix(path, "//"), "//")
	not contains(path, "[")
	not endswith(path, "%20")
	stays_below(uri)
	encodes_what_it_must(uri)
	has_one_authority(lower(uri))
}

# Nobody reads a template, it is only named: what stands between its braces is free.
has_one_name(uri) if {
	input.target.kind == "template"
	count(uri) <= 4096
	contains(uri, "{")
	trim(uri, concat("", [alphanumeric, "-._~:/?#[]@!$&'()*+,;=%{}|"])) == ""
	stays_below(uri)
	encodes_what_it_must(uri)
}

# What is no URI, such as a bare path, has none.
behind_scheme(uri) := behind if {
	scheme := split(uri, ":")[0]
	scheme != ""
	trim(scheme, concat("", [alphanumeric, "+-."])) == ""
	behind := trim_prefix(uri, $"{scheme}:")
	behind != uri
}

stays_below(text) if {
	not contains(text, "..")
	not contains(text, "/./")
	not contains(text, "/.;")
	not endswith(without_query(text), "/.")
}

# Without a regular expression: the engine would compile it for each message.
encodes_what_it_must(uri) if {
	pieces := split(lower(uri), "%")
	every piece in array.slice(pieces, 1, count(pieces)) {
		may_be_encoded(substring(piece, 0, 2))
	}
}

# No letter, digit, `-`, `.`, `/`, `\`, `_`, `~`, `%`, `?`, `#` and no control character. What has two spellings `folded_uri` decodes.
may_be_encoded(code) if code in {
	"20", "21", "22", "24", "26", "27", "28", "29", "2a", "2b", "2c", "3a", "3b", "3c", "3d", "3e", "40", "5b", "5d", "5e", "60",
	"7b", "7c", "7d",
}

# The bytes of UTF-8 outside ASCII.
may_be_encoded(code) if {
	count(code) == 2
	trim(code, "0123456789abcdef") == ""
	code >= "80"
	code < "f5"
	not code in {"c0", "c1"}
}

alphanumeric := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

# `file:/x`, `file:x` and `file://any-host/x` are `file:///x` to one server or another, and `notes:/x` is `notes:///x`.
has_one_authority(text) if startswith(text, "file:///")

# No user, no default port, no dot behind the host, and addresses only as four decimal numbers.
has_one_authority(text) if {
	regex.match(`^(?:https?|wss?|ftp)://(?:[a-z0-9_-]+\.)*[a-z][a-z0-9_-]*(?::[1-9][0-9]*)?(?:[/?]|$)`, text)
	not default_port(text)
}

has_one_authority(text) if {
	regex.match(`^(?:https?|wss?|ftp)://(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})(?::[1-9][0-9]*)?(?:[/?]|$)`, text)
	not default_port(text)
}

has_one_authority(text) if {
	not startswith(behind_scheme(text), "/")
	not in_special_scheme(text)
}

has_one_authority(text) if {
	startswith(behind_scheme(text), "//")
	not in_special_scheme(text)
}

in_special_scheme(text) if split(text, ":")[0] in {"file", "ftp", "http", "https", "ws", "wss"}

default_port(text) if {
	authority := split(without_query(text), "/")[2]
	some port in [":21", ":80", ":443"]
	endswith(authority, port)
}

without_query(uri) := split(uri, "?")[0]

# Lower case, and decoded what means the same either way to most servers.
folded_uri(uri) := lower(uri) if {
	not contains(uri, "%")
} else := strings.replace_n(
	{
		"%21": "!", "%24": "$", "%26": "&", "%27": "'", "%28": "(", "%29": ")", "%2a": "*", "%2b": "+", "%2c": ",",
		"%3a": ":", "%3b": ";", "%3d": "=", "%40": "@",
	},
	lower(uri),
)
