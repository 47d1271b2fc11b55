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
#   The gateway compares subject, type and issuer, and says whether they are the same: the author's name would stand in
#   the record of a denied read otherwise, for whoever was denied to read.
is_owner if {
	input.resource.type == "entry"
	input.resource.properties.owned == true
}
