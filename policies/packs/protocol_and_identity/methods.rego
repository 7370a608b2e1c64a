# Grants for methods that Sluice does not know, when the operator asks for it. They are judged like every message; this pack only
# grants none of them by itself.
package policies.protocol_and_identity

# METADATA
# title: Method named in the settings
# description: The setting methods_allow names the method of this request or notification.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2026-07-28/basic
# custom:
#   severity: info
allow contains {"id": "protocol_and_identity/named_method"} if {
	input.mcp.method in settings.methods_allow
	may_be_open
	known_principal
}

# METADATA
# title: Unknown method
# description: The setting unknown_methods lets methods pass that the protocol does not define.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2026-07-28/basic
# custom:
#   severity: low
allow contains {"id": "protocol_and_identity/unknown_method"} if {
	settings.unknown_methods == "allow"
	may_be_open
	outside_known_namespaces
	known_principal
}

# Everything but the requests of a server, and but the methods whose targets this pack judges one by one.
may_be_open if {
	opens
	not folded_method in {
		"completion/complete",
		"prompts/get",
		"resources/read",
		"resources/subscribe",
		"resources/unsubscribe",
		"subscriptions/listen",
		"tools/call",
	}
}

opens if {
	input.phase == "request"
	input.direction == "client_to_server"
}

opens if {
	input.phase == "notification"
	folded_method != "notifications/resources/updated"
}

# `tools/call_many`, or `Tools/Call` on a server that folds case, would use a target unseen.
outside_known_namespaces if {
	plain_name(input.mcp.method)
	namespace := split(trim_prefix(folded_method, "notifications/"), "/")[0]
	not namespace in {
		"",
		"completion",
		"elicitation",
		"prompts",
		"resources",
		"roots",
		"sampling",
		"subscriptions",
		"tools",
	}
}

folded_method := lower(trim_space(input.mcp.method))
