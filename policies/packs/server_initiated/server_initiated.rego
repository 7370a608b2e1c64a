# What a server may ask of the client: its model (sampling), its user (elicitation), its files (roots). Both forms are judged: the
# legacy request on a stream, and since 2026-07-28 the `inputRequests` of a result or task with the client's `inputResponses`.

# METADATA
# title: Server-initiated requests
# description: Sampling, elicitation and roots are off unless the settings allow them, in every form that the protocol gives them.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/client/sampling
# custom:
#   severity: high
package policies.server_initiated

# METADATA
# title: The server asks for the client's model
# description: sampling/createMessage lets a server spend the client's model and put words in front of it.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/client/sampling
# custom:
#   severity: high
deny contains {"id": "server_initiated/sampling"} if {
	"sampling" in asked
	not permitted("sampling")
}

# METADATA
# title: The server asks the user
# description: elicitation/create puts a form of the server's making in front of the user.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation
# custom:
#   severity: high
deny contains {"id": "server_initiated/elicitation"} if {
	"elicitation" in asked
	not permitted("elicitation")
}

# METADATA
# title: The server sends the user to a URL
# description: URL elicitation leads the user's browser to a place of the server's choice, also by the error -32042.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation
# custom:
#   severity: high
deny contains {"id": "server_initiated/url_elicitation"} if {
	"url_elicitation" in asked
	not permitted("url_elicitation")
}

# METADATA
# title: The server asks for the client's roots
# description: roots/list tells a server which folders the client works in.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/client/roots
# custom:
#   severity: medium
deny contains {"id": "server_initiated/roots"} if {
	"roots" in asked
	not permitted("roots")
}

# METADATA
# title: The server asks for something unknown
# description: A result asks the client for input of a kind that no setting covers.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2026-07-28/basic
# custom:
#   severity: high
deny contains {"id": "server_initiated/unknown_input"} if "unknown" in asked

# METADATA
# title: Answers that nobody may have asked for
# description: A request carries inputResponses although the settings allow the server no question.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2026-07-28/basic
# custom:
#   severity: medium
deny contains {"id": "server_initiated/unsolicited_answer"} if {
	input.mcp.params.inputResponses != {}
	not anything_permitted
}

# METADATA
# title: No settings for this server
# description: Without its settings this pack cannot tell what may pass, so nothing may.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/636.html
# custom:
#   severity: critical
deny contains {"id": "server_initiated/no_settings"} if not settings

# METADATA
# title: A question that the settings allow
# description: The settings let this server ask for sampling, elicitation or roots.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/client/sampling
# custom:
#   severity: info
allow contains {"id": "server_initiated/permitted_request"} if permitted(own_question(input.mcp))

# METADATA
# title: The end of a permitted URL elicitation
# description: The settings allow URL elicitation, so the notice that it is complete passes.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation
# custom:
#   severity: info
allow contains {"id": "server_initiated/elicitation_complete"} if {
	ends_elicitation(input.mcp.method)
	permitted("url_elicitation")
}

# METADATA
# title: The server follows a task of its question
# description: A question may be answered by a task (2025-11-25); the server then asks for its status and result.
# related_resources:
#   - https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
# custom:
#   severity: info
allow contains {"id": "server_initiated/task_of_question"} if {
	input.phase == "request"
	input.direction == "server_to_client"
	follows_task(input.mcp.method)
	anything_permitted
}

follows_task("tasks/cancel")
follows_task("tasks/get")
follows_task("tasks/list")
follows_task("tasks/result")

settings := data.server_settings[input.server.name].server_initiated

permitted(kind) if settings[kind] == "allow"

anything_permitted if {
	some kind in ["elicitation", "roots", "sampling", "url_elicitation"]
	permitted(kind)
}
