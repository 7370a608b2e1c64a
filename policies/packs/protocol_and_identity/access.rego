# Who may use what: the lookup in the settings that every rule of this pack shares.

# METADATA
# title: Protocol and identity
# description: >-
#   Grants the messages that MCP itself needs, and each principal the tools, prompts and resources that the settings give it.
#   What is not granted is denied and not listed.
# related_resources:
#   - https://modelcontextprotocol.io/specification
# custom:
#   severity: high
package policies.protocol_and_identity

settings := data.server_settings[input.server.name].protocol_and_identity

# A principal to which no entry of `access` applies may not even say hello.
known_principal if {
	some entry in settings.access
	applies(entry)
}

# Here and below `else` only spares what follows: the usual case comes first.
# Every condition that the entry names must hold, and it must name one: an entry without conditions applies to nobody.
applies(entry) if {
	conditional(entry)
	principal_fits(entry)
	group_fits(entry)
	scopes_fit(entry)
}

conditional(entry) if {
	entry.principals
} else if {
	entry.groups
} else if count(entry.scopes) > 0

principal_fits(entry) if {
	"*" in entry.principals
} else if {
	input.principal.id in entry.principals
} else if not entry.principals

group_fits(entry) if {
	not entry.groups
} else if {
	some group in input.principal.groups
	group in entry.groups
}

scopes_fit(entry) if {
	not entry.scopes
} else if {
	every scope in entry.scopes {
		scope in input.principal.scopes
	}
}

may_use_tool(name) if {
	some entry in settings.access
	applies(entry)
	some pattern in entry.tools
	fits_name(pattern, name)
}

may_use_prompt(name) if {
	some entry in settings.access
	applies(entry)
	some pattern in entry.prompts
	fits_name(pattern, name)
}

may_use_resource(uri) if {
	some entry in settings.access
	applies(entry)
	some pattern in entry.resources
	fits_uri(pattern, uri)
}

fits_name("*", _)

fits_name(pattern, name) if pattern == name

# A prefix says nothing about a name that leads out of it again, or that could be another one in disguise.
fits_name(pattern, name) if {
	is_below(pattern, name)
	plain_name(name)
	not contains(name, "..")
}

fits_uri("*", _)

fits_uri(pattern, uri) if pattern == uri

fits_uri(pattern, uri) if {
	is_below(pattern, uri)
	has_one_name(uri)
}

is_below(pattern, text) if {
	pattern != "*"
	endswith(pattern, "*")
	startswith(text, trim_suffix(pattern, "*"))
}
