# METADATA
# title: Load probe
# description: >-
#   Sluice evaluates the reserved input {"phase": "probe"} before it activates a policy. It must be denied, whatever else is granted:
#   an answer without this denial means that the bundle does not work as a firewall.
# custom:
#   severity: critical
package firewall.probe

deny contains {"id": "firewall/probe", "msg": "the load probe is always denied"} if input.phase == "probe"
