# METADATA
# title: Somebody opens a door or lets things out
package lib.alerts.exposure

import data.lib.alerts.facts

# METADATA
# title: What was found
found contains facts.alert("image_shared", "critical", "a disk image or a snapshot was shared with others") if {
	some operation, member in {
		"ModifyImageAttribute": "launchPermission",
		"ModifySnapshotAttribute": "createVolumePermission",
	}
	facts.operation == operation
	count(facts.request[member].add.items) > 0
}

found contains facts.alert("administration_open", "high", "a port of administration was opened to the world") if {
	facts.operation == "AuthorizeSecurityGroupIngress"
	some permission in _permissions
	some port in _ports
	permission.fromPort <= port
	permission.toPort >= port
	_is_world(permission)
}

found contains facts.alert("remote_command", "medium", "a command was sent to a machine") if {
	facts.operation in {"SendCommand", "StartSession"}
}

found contains facts.alert("costly_machines", "high", "many machines, or machines for computing, were asked for") if {
	facts.operation == "RunInstances"
	_is_costly
}

_ports := [22, 3389]

# CloudTrail has one rule beside the others or a list of them.
_permissions contains facts.request

_permissions contains permission if some permission in facts.request.ipPermissions.items

_world := {"0.0.0.0/0", "::/0"}

_is_world(permission) if permission.cidrIp in _world

_is_world(permission) if {
	some range in permission.ipRanges.items
	range.cidrIp in _world
}

_is_world(permission) if {
	some range in permission.ipv6Ranges.items
	range.cidrIpv6 in _world
}

_is_costly if {
	some item in facts.request.instancesSet.items
	item.maxCount >= _many
}

_is_costly if {
	some family in _computing
	startswith(facts.request.instanceType, family)
}

_many := 10

_computing := {"p2.", "p3.", "p3dn.", "p4d.", "p4de.", "p5.", "g4ad.", "g4dn.", "g5.", "g6.", "trn1.", "inf2."}
