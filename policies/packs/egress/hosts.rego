# Hosts: which names and addresses a client may hand to a server, in requests, notifications and answers.
# Most messages hold no URL at all: hence what the rules ask first.

# METADATA
# title: Egress
# description: Restricts the hosts that a client may name, and the categories of data that may go to a server by its trust.
# related_resources:
#   - https://owasp.org/www-community/attacks/Server_Side_Request_Forgery
# custom:
#   severity: high
package policies.egress

# METADATA
# title: Blocked host
# description: A URL in a client's message names a host that the settings block, or one that serves to catch data.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/200.html
# custom:
#   severity: high
deny contains {"id": "egress/blocked_host"} if {
	input.urls != []
	some host in hosts
	not unblocked(host)
}

# METADATA
# title: Host in a private network
# description: A URL in a client's message names an address or a name of a private network, or one that resolves to it by design.
# related_resources:
#   - https://owasp.org/www-community/attacks/Server_Side_Request_Forgery
# custom:
#   severity: high
deny contains {"id": "egress/private_host"} if {
	input.urls != []
	some host in hosts
	not private_allowed
	not public(host)
	not named_as_allowed(host)
}

# METADATA
# title: Metadata service
# description: A URL in a client's message names the address at which a cloud hands out credentials.
# related_resources:
#   - https://owasp.org/www-community/attacks/Server_Side_Request_Forgery
# custom:
#   severity: critical
deny contains {"id": "egress/metadata_service"} if {
	input.urls != []
	some host in hosts
	serves_metadata(host)
	not metadata_allowed
}

# METADATA
# title: Host that is not allowed
# description: The settings name the hosts that a client may name, and this is none of them.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/200.html
# custom:
#   severity: high
deny contains {"id": "egress/host_not_allowed"} if {
	input.urls != []
	some host in hosts
	not host_allowed(host)
}

# METADATA
# title: Not every URL could be judged
# description: A client's message holds more URLs than are listed, and the settings restrict hosts.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/200.html
# custom:
#   severity: medium
deny contains {"id": "egress/too_many_urls"} if {
	input.urls_capped
	input.direction == "client_to_server"
	not any_host
}

# METADATA
# title: No settings for this server
# description: Without its settings this pack cannot tell what may pass, so nothing may.
# related_resources:
#   - https://cwe.mitre.org/data/definitions/636.html
# custom:
#   severity: critical
deny contains {"id": "egress/no_settings"} if not settings

settings := data.server_settings[input.server.name].egress

# The hosts that the message would hand to the server, without the dot of a fully qualified name and the brackets of IPv6.
hosts contains host if {
	input.direction == "client_to_server"
	some url in input.urls
	not names_no_host(url)
	host := trim(trim_right(url.host, "."), "[]")
}

# What the client says of itself (icons, web site) is no argument of a tool.
names_no_host(url) if startswith(url.path, "/params/_meta/io.modelcontextprotocol~1clientInfo/")

names_no_host(url) if {
	input.mcp.method == "initialize"
	startswith(url.path, "/params/clientInfo/")
}

# A resource has a URI of the server's own scheme: `notes://inbox/1` names no host.
names_no_host(url) if {
	url.scheme != ""
	not network_scheme(url.scheme)
	resource_name(url.path)
}

# Nor does a URI without authority (`data:`, `mailto:`, `file:`), or one whose authority is a single word of an unknown scheme.
names_no_host(url) if {
	not network_scheme(url.scheme)
	not contains(url.host, ".")
	not numeric(url.host)
	url.host != "localhost"
}

# Also as a part of a scheme: `git+ssh`, `mongodb+srv`. The set is made when a URL is not the usual one.
network_scheme(scheme) if {
	scheme == "https"
} else if {
	some part in split(scheme, "+")
	part in network_schemes
}

network_schemes := {
	"afp", "amqp", "amqps", "cifs", "clickhouse", "dav", "davs", "dict", "ftp", "ftps", "git", "gopher", "http", "https", "imap", "imaps",
	"irc", "ircs", "kafka", "ldap", "ldaps", "memcached", "mongodb", "mqtt", "mqtts", "mssql", "mysql", "nats", "nfs", "oracle", "pop3",
	"postgres", "postgresql", "redis", "rediss", "rsync", "rtmp", "rtsp", "scp", "sftp", "sip", "smb", "smtp", "smtps", "socks", "socks4",
	"socks5", "sqlserver", "ssh", "svn", "tcp", "telnet", "tftp", "tls", "udp", "vnc", "ws", "wss",
}

resource_name(path) if path in {"/params/ref/uri", "/params/uri"}

resource_name(path) if startswith(path, "/params/notifications/resourceSubscriptions/")

unblocked(host) if {
	every pattern in settings.blocked_hosts {
		not covers(pattern, host)
	}
	every pattern in settings.data_catchers {
		not covers(pattern, host)
	}
}

host_allowed(_) if settings.mode == "block_listed"

host_allowed(host) if {
	settings.mode == "allow_listed"
	named_as_allowed(host)
}

named_as_allowed(host) if {
	some pattern in settings.allowed_hosts
	covers(pattern, host)
}

covers(pattern, host) if pattern == host

# `*.example.com` covers every name below example.com, but not example.com itself.
covers(pattern, host) if {
	startswith(pattern, "*.")
	endswith(host, trim_prefix(pattern, "*"))
}

default private_allowed := false

private_allowed if settings.private_networks[input.server.trust] == "allow"

metadata_hosts := {
	"100.100.100.200",
	"169.254.169.254",
	"169.254.170.2",
	"169.254.170.23",
	"192.0.0.192",
	"fd00:ec2::23",
	"fd00:ec2::254",
	"fd20:ce::254",
	"instance-data",
	"instance-data.ec2.internal",
	"metadata",
	"metadata.goog",
	"metadata.google.internal",
}

serves_metadata(host) if host in metadata_hosts

# The same addresses inside an IPv6 address (mapped, translated, 6to4), or in a name of a service that answers with any address.
serves_metadata(host) if {
	contains(host, ":")
	some address in metadata_words
	endswith(host, address)
	trim_suffix(host, address) in {"::", "::ffff:", "::ffff:0:", "64:ff9b::"}
}

serves_metadata(host) if {
	startswith(host, "2002:")
	some address in metadata_words
	startswith(host, $"2002:{address}:")
}

serves_metadata(host) if {
	some name in [".nip.io", ".sslip.io", ".xip.io"]
	endswith(host, name)
	some address in ["169.254.169.254", "169.254.170.2", "100.100.100.200", "a9fea9fe", "a9feaa02", "646464c8"]
	contains(replace(host, "-", "."), address)
}

metadata_words := ["6464:64c8", "a9fe:a9fe", "a9fe:aa02", "a9fe:aa17", "c000:c0"]

default metadata_allowed := false

metadata_allowed if settings.metadata_services == "allow"

any_host if {
	settings.mode == "block_listed"
	count(settings.blocked_hosts) == 0
	count(settings.data_catchers) == 0
	private_allowed
	metadata_allowed
}

public(host) if {
	not numeric(host)
	contains(host, ".")
	not local_name(host)
}

public(host) if {
	net.cidr_contains("0.0.0.0/0", host)
	not contains(host, ":")
	every network in private_ipv4 {
		not net.cidr_contains(network, host)
	}
}

# Addresses that carry an IPv4 address are not public: ::ffff:0:0/96, 64:ff9b::/96, 2002::/16.
public(host) if {
	net.cidr_contains("2000::/3", host)
	not startswith(host, "2002:")
}

# An IPv6 address, or a last label that starts with a digit: no top-level domain does, but the odd spellings of IPv4 do.
numeric(host) if contains(host, ":")

numeric(host) if {
	labels := split(host, ".")
	substring(labels[count(labels) - 1], 0, 1) in {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
}

private_ipv4 := [
	"0.0.0.0/8",
	"10.0.0.0/8",
	"100.64.0.0/10",
	"127.0.0.0/8",
	"169.254.0.0/16",
	"172.16.0.0/12",
	"192.0.0.0/24",
	"192.168.0.0/16",
	"198.18.0.0/15",
	"224.0.0.0/3",
]

# Names that only a private network resolves, and public services that answer with any address one asks for.
local_name(host) if {
	dotted := $".{host}"
	some suffix in [
		".corp",
		".home",
		".home.arpa",
		".internal",
		".intranet",
		".lan",
		".local",
		".localdomain",
		".localhost",
		".private",
		".svc",
		".lvh.me",
		".localtest.me",
		".nip.io",
		".sslip.io",
		".xip.io",
	]
	endswith(dotted, suffix)
}
