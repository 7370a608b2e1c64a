package policies.egress_test

import data.policies.egress as pack

defaults := {
	"mode": "block_listed",
	"allowed_hosts": [],
	"blocked_hosts": [],
	"data_catchers": ["catch.test", "*.catch.test"],
	"private_networks": {"third_party": "deny", "partner": "deny", "internal": "allow"},
	"metadata_services": "deny",
	"categories": {
		"third_party": {"pii": "redact", "secret": "deny"},
		"internal": {"pii": "allow", "secret": "allow"},
	},
}

settings(changes) := {"s": {"egress": object.union(defaults, changes)}}

message(phase, direction, facts) := object.union(
	{
		"phase": phase,
		"direction": direction,
		"server": {"name": "s", "trust": "third_party"},
		"mcp": {"method": "tools/call"},
		"findings": [],
		"urls": [],
	},
	facts,
)

at(path, host) := {"path": path, "scheme": "https", "host": host}

url(scheme, host) := {"path": "/params/arguments/url", "scheme": scheme, "host": host}

calls(urls) := message("request", "client_to_server", {"urls": urls})

fetches(host) := calls([url("https", host)])

ids(set) := {element.id | some element in set}

test_denies_a_host_that_catches_data[host] if {
	some host in ["catch.test", "x.catch.test", "a.b.catch.test", "catch.test.", "x.catch.test.."]
	ids(pack.deny) == {"egress/blocked_host"} with input as fetches(host) with data.server_settings as settings({})
}

test_denies_a_blocked_host[host] if {
	some host in ["bad.test", "x.worse.test", "203.0.113.7"]
	ids(pack.deny) == {"egress/blocked_host"} with input as fetches(host)
		with data.server_settings as settings({"blocked_hosts": ["bad.test", "*.worse.test", "203.0.113.7"], "allowed_hosts": ["bad.test"]})
}

test_allows_a_host_that_only_looks_like_a_blocked_one[host] if {
	some host in ["catch.test.example.com", "notcatch.test", "worse.test", "xworse.test"]
	count(pack.deny) == 0 with input as fetches(host) with data.server_settings as settings({"blocked_hosts": ["*.worse.test"]})
}

test_denies_a_blocked_host_among_others if {
	ids(pack.deny) == {"egress/blocked_host"} with input as calls([url("https", "example.com"), url("https", "catch.test")])
		with data.server_settings as settings({})
}

private_hosts := [
	"localhost", "localhost.", "api.localhost", "intranet", "wiki.corp", "db.internal", "printer.local", "router.home.arpa", "x.svc",
	"127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "0.0.0.0", "198.18.0.1",
	"192.0.0.8", "224.0.0.1", "255.255.255.255", "169.254.1.1",
	"2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1.", "1.2.3.4.5", "999.1.1.1",
	"::1", "[::1]", "::", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8.8.8.8",
	"64:ff9b::7f00:1", "2002:7f00:1::", "[fe80::1%25eth0]", "1::2::3",
	"127.0.0.1.nip.io", "app.10.0.0.1.sslip.io", "x.lvh.me", "localtest.me", "lvh.me",
]

test_denies_a_private_host[host] if {
	some host in private_hosts
	ids(pack.deny) == {"egress/private_host"} with input as fetches(host) with data.server_settings as settings({})
}

test_allows_a_public_host[host] if {
	some host in [
		"example.com", "1.1.1.1", "8.8.8.8", "172.32.0.1", "192.0.2.1", "11.0.0.1", "127.example.com", "localhost.example.com",
		"internal.example.com", "2606:4700::1111", "[2001:4860:4860::8888]", "xn--bcher-kva.example", "3d.example.com",
	]
	count(pack.deny) == 0 with input as fetches(host) with data.server_settings as settings({})
}

test_allows_a_private_host_to_an_internal_server if {
	count(pack.deny) == 0 with input as object.union(fetches("wiki.corp"), {"server": {"name": "s", "trust": "internal"}})
		with data.server_settings as settings({})
}

test_allows_a_private_host_that_is_named if {
	count(pack.deny) == 0 with input as fetches("wiki.corp") with data.server_settings as settings({"allowed_hosts": ["wiki.corp"]})
}

test_denies_a_private_host_when_the_allowed_are_missing if {
	ids(pack.deny) == {"egress/private_host"} with input as fetches("wiki.corp")
		with data.server_settings as settings({"allowed_hosts": null})
}

test_denies_a_metadata_service_also_to_internal_servers[host] if {
	some host in ["169.254.169.254", "metadata.google.internal", "fd00:ec2::254", "[fd00:ec2::254]", "100.100.100.200", "metadata"]
	ids(pack.deny) == {"egress/metadata_service"} with input as object.union(fetches(host), {"server": {"name": "s", "trust": "internal"}})
		with data.server_settings as settings({"allowed_hosts": [host]})
}

test_denies_a_metadata_service_inside_of_another_name[host] if {
	some host in [
		"::ffff:a9fe:a9fe", "[::ffff:a9fe:a9fe]", "::a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::ffff:0:a9fe:a9fe",
		"::ffff:6464:64c8",
		"169.254.169.254.nip.io", "x.169-254-169-254.sslip.io", "a9fea9fe.nip.io", "169.254.169.254.nip.io.",
	]
	"egress/metadata_service" in ids(pack.deny)
		with input as object.union(fetches(host), {"server": {"name": "s", "trust": "internal"}})
		with data.server_settings as settings({"allowed_hosts": [host]})
}

test_allows_what_only_looks_like_a_metadata_service[host] if {
	some host in ["10.0.0.1.nip.io", "169.254.169.254.example.com", "fd00::a9fe:a9fe:1", "::ffff:10.0.0.1", "a9fea9fe.example.com"]
	count(pack.deny) == 0 with input as object.union(fetches(host), {"server": {"name": "s", "trust": "internal"}})
		with data.server_settings as settings({})
}

test_allows_a_metadata_service_when_the_settings_say_so if {
	count(pack.deny) == 0 with input as object.union(fetches("169.254.169.254"), {"server": {"name": "s", "trust": "internal"}})
		with data.server_settings as settings({"metadata_services": "allow"})
}

test_denies_a_host_that_is_not_among_the_allowed[host] if {
	some host in ["example.org", "example.com.evil.test", "evilexample.com", "docs.example.net"]
	ids(pack.deny) == {"egress/host_not_allowed"} with input as fetches(host)
		with data.server_settings as settings({"mode": "allow_listed", "allowed_hosts": ["example.com", "*.example.com", "*.docs.example.net"]})
}

test_allows_a_host_among_the_allowed[host] if {
	some host in ["example.com", "a.example.com", "a.b.example.com"]
	count(pack.deny) == 0 with input as fetches(host)
		with data.server_settings as settings({"mode": "allow_listed", "allowed_hosts": ["example.com", "*.example.com"]})
}

test_denies_every_host_in_a_mode_that_does_not_exist if {
	ids(pack.deny) == {"egress/host_not_allowed"} with input as fetches("example.com")
		with data.server_settings as settings({"mode": "allow", "allowed_hosts": ["example.com"]})
}

test_allows_what_names_no_host[name] if {
	some name, facts in {
		"data": {"urls": [url("data", "")]},
		"mailto": {"urls": [url("mailto", "")]},
		"resource uri": {"urls": [{"path": "/params/uri", "scheme": "notes", "host": "a.internal"}], "mcp": {"method": "resources/read"}},
		"template uri": {"urls": [{"path": "/params/ref/uri", "scheme": "notes", "host": "inbox"}], "mcp": {"method": "completion/complete"}},
		"subscription": {"urls": [{"path": "/params/notifications/resourceSubscriptions/0", "scheme": "notes", "host": "a.local"}]},
		"own scheme in arguments": {"urls": [url("demo", "resource")]},
		"icon of the client": {"urls": [at("/params/clientInfo/icons/0/src", "catch.test")], "mcp": {"method": "initialize"}},
		"site of the client": {"urls": [at("/params/_meta/io.modelcontextprotocol~1clientInfo/websiteUrl", "catch.test")]},
	}
	count(pack.deny) == 0 with input as message("request", "client_to_server", facts)
		with data.server_settings as settings({"mode": "allow_listed"})
}

test_denies_hosts_that_hide_behind_those_exceptions[name] if {
	some name, facts in {
		"resource on the web": {"urls": [{"path": "/params/uri", "scheme": "https", "host": "catch.test"}], "mcp": {"method": "resources/read"}},
		"subscription on the web": {"urls": [{"path": "/params/notifications/resourceSubscriptions/0", "scheme": "http", "host": "catch.test"}]},
		"client info of a call": {"urls": [at("/params/clientInfo/icons/0/src", "catch.test")]},
		"argument of initialize": {"urls": [at("/params/capabilities/x", "catch.test")], "mcp": {"method": "initialize"}},
		"look-alike of client info": {"urls": [at("/params/_meta/io.modelcontextprotocol~1clientInfoX", "catch.test")]},
		"unknown scheme": {"urls": [url("foo", "x.catch.test")]},
		"unknown scheme in arguments.uri": {"urls": [{"path": "/params/arguments/uri", "scheme": "foo", "host": "x.catch.test"}]},
		"in a key": {"urls": [{"path": "/params/arguments", "scheme": "https", "host": "catch.test"}]},
		"relative, as a resource": {"urls": [{"path": "/params/uri", "scheme": "", "host": "catch.test"}], "mcp": {"method": "resources/read"}},
		"two schemes, as a resource": {"urls": [{"path": "/params/uri", "scheme": "git+https", "host": "catch.test"}]},
		"in an answer to input": {"urls": [{"path": "/params/inputResponses/a/content/url", "scheme": "https", "host": "catch.test"}]},
	}
	ids(pack.deny) == {"egress/blocked_host"} with input as message("request", "client_to_server", facts)
		with data.server_settings as settings({})
}

test_denies_private_hosts_behind_any_scheme[name] if {
	some name, found in {
		"gopher": url("gopher", "cache"),
		"two schemes": url("git+ssh", "intranet"),
		"two schemes, the first": url("mongodb+srv", "db"),
		"share": url("smb", "files"),
		"odd scheme, number": url("foo", "2130706433"),
		"odd scheme, ipv6": url("foo", "[::1]"),
		"odd scheme, localhost": url("foo", "localhost"),
	}
	ids(pack.deny) == {"egress/private_host"} with input as calls([found]) with data.server_settings as settings({})
}

test_denies_hosts_in_everything_that_a_client_sends[phase] if {
	some phase in ["request", "notification", "response"]
	ids(pack.deny) == {"egress/blocked_host", "egress/too_many_urls"}
		with input as message(phase, "client_to_server", {"urls": [url("https", "catch.test")], "urls_capped": true})
		with data.server_settings as settings({})
}

test_allows_the_folders_that_a_client_names if {
	count(pack.deny) == 0 with input as message("response", "client_to_server", {"urls": [url("file", "")], "mcp": {"method": "roots/list"}})
		with data.server_settings as settings({"mode": "allow_listed"})
}

test_allows_urls_in_what_a_server_sends[name] if {
	some name, [phase, direction] in {
		"result": ["response", "server_to_client"],
		"question": ["request", "server_to_client"],
		"notification": ["notification", "server_to_client"],
		"list entry": ["list_item", "server_to_client"],
	}
	count(pack.deny) == 0 with input as message(phase, direction, {"urls": [url("https", "catch.test")], "urls_capped": true})
		with data.server_settings as settings({})
}

unrestricted := {"data_catchers": [], "private_networks": {"third_party": "allow"}, "metadata_services": "allow"}

test_denies_a_request_whose_urls_are_not_all_listed[name] if {
	some name, restriction in {
		"mode": {"mode": "allow_listed"},
		"blocked": {"blocked_hosts": ["bad.test"]},
		"catchers": {"data_catchers": ["bad.test"]},
		"private": {"private_networks": {"third_party": "deny"}},
		"metadata": {"metadata_services": "deny"},
	}
	ids(pack.deny) == {"egress/too_many_urls"} with input as message("request", "client_to_server", {"urls_capped": true})
		with data.server_settings as settings(object.union(unrestricted, restriction))
}

test_allows_unlisted_urls_where_nothing_is_restricted if {
	count(pack.deny) == 0 with input as message("request", "client_to_server", {"urls_capped": true})
		with data.server_settings as settings(unrestricted)
}

test_denies_everything_without_settings if {
	ids(pack.deny) == {"egress/no_settings"} with input as calls([]) with data.server_settings as {}
	{"egress/blocked_host", "egress/host_not_allowed"} & ids(pack.deny) == {"egress/blocked_host", "egress/host_not_allowed"}
		with input as fetches("example.com")
		with data.server_settings as {}
}
