# Text that no policy could read. Above limits.policy_text long strings are empty in the policy input, and a rule that reads them stays
# silent: whoever may pad a message could switch it off.
package policies.protocol_and_identity

# METADATA
# title: Text that no policy could read
# description: The message is so large that long strings were left out of what policies read, and the settings do not let that pass.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/693.html
# custom:
#   severity: high
deny contains {"id": "protocol_and_identity/omitted_text"} if {
	some pointer in input.mcp.omitted
	not may_be_omitted(pointer)
}

may_be_omitted(pointer) if settings.omitted_text[sent_along(pointer)] == "allow"

sent_along(pointer) := input.direction if not startswith(pointer, "/request/")

# A response also shows the request that it answers, which went the other way.
sent_along(pointer) := opposite[input.direction] if startswith(pointer, "/request/")

opposite := {"client_to_server": "server_to_client", "server_to_client": "client_to_server"}
