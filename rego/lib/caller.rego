# METADATA
# title: Who is asking
# description: |
#   Roles and ownership, from what the gateway vouches for. Everything here is positive: a missing member makes a
#   rule undefined, and undefined is not granted.
package lib.caller

# METADATA
# title: Roles of the caller
# description: Texts of `subject.properties.roles`; anything else there is no role.
roles contains role if {
	some role in input.subject.properties.roles
	is_string(role)
}

# METADATA
# title: Whether the caller wrote the entry that is asked for
# description: |
#   The same subject of the same issuer: two issuers may both know an `alice`. An entry that names no author, as those
#   of the system itself, has no owner.
is_owner if {
	input.resource.type == "entry"
	input.subject.id != ""
	input.resource.properties.owner == {
		"id": input.subject.id,
		"issuer": input.subject.properties.issuer,
		"type": input.subject.type,
	}
}
