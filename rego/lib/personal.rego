# METADATA
# title: Personal data, where it is and what to call it
# description: |
#   Finds members that hold personal data, by their names and by the look of their texts, and gives them as pointers for
#   `mask` or `redact` and as one word for a label. It finds what has a name or a shape; what people write into free text it
#   does not, so texts that people compose belong into a list of your own. Numbers in a list stand as `*`, so a second
#   evaluation of what remains finds no more than the first.
package lib.personal

# METADATA
# title: Personal members of a document
# description: An array of `{kind, pointer}`, ascending; pointers begin with `root`, as `/input/event`.
found(document, root) := sort({{"kind": kind, "pointer": pointer(root, path)} |
	walk(document, [path, value])
	count(path) > 0
	kind := _kind(path[count(path) - 1], value)
})

# METADATA
# title: Their pointers alone
pointers(document, root) := sort({one.pointer | some one in found(document, root)})

# METADATA
# title: A label for what was found
# description: Kinds by name, as `email,ip`, or `none`. What kinds an entry holds is public then; whose they are is not.
label(document) := text if {
	kinds := sort({one.kind | some one in found(document, "")})
	count(kinds) > 0
	text := concat(",", kinds)
} else := "none"

# METADATA
# title: A JSON pointer with wildcards for what stands in lists
pointer(root, path) := concat("/", array.concat([root], [_step(part) | some part in path]))

_step(part) := "*" if is_number(part)

_step(part) := replace(replace(part, "~", "~0"), "/", "~1") if is_string(part)

# The name decides first: it says more than a shape.
_kind(name, value) := names[lower(name)] if {
	is_string(value)
	value != ""
} else := "number" if {
	names[lower(name)] == "number"
	is_number(value)
} else := "email" if {
	is_email(value)
} else := "ip" if {
	is_ipv4(value)
} else := "card" if {
	is_card(value)
}

# METADATA
# title: Names of members that hold personal data
names := {
	"email": "email",
	"e_mail": "email",
	"emailaddress": "email",
	"phone": "phone",
	"phonenumber": "phone",
	"phone_number": "phone",
	"mobile": "phone",
	"firstname": "name",
	"first_name": "name",
	"given_name": "name",
	"lastname": "name",
	"last_name": "name",
	"family_name": "name",
	"fullname": "name",
	"full_name": "name",
	"username": "name",
	"user_name": "name",
	"birthdate": "birth",
	"date_of_birth": "birth",
	"dob": "birth",
	"street": "address",
	"street_address": "address",
	"postal_code": "address",
	"ip": "ip",
	"client_ip": "ip",
	"sourceipaddress": "ip",
	"remote_addr": "ip",
	"ssn": "number",
	"passport_number": "number",
	"national_id": "number",
	"iban": "account",
	"card_number": "card",
	"pan": "card",
}

# METADATA
# title: Whether a text is an address of electronic mail
# description: One `@` between something and a name with a dot, and no space.
is_email(text) if {
	is_string(text)
	count(text) <= 254
	[local, domain] := split(text, "@")
	local != ""
	not contains(text, " ")
	parts := split(domain, ".")
	count(parts) > 1
	every part in parts {
		part != ""
	}
}

# METADATA
# title: Whether a text is an address of the Internet, version 4
is_ipv4(text) if {
	is_string(text)
	count(text) <= 15
	parts := split(text, ".")
	count(parts) == 4
	every part in parts {
		part != ""
		trim(part, "0123456789") == ""
		to_number(part) <= 255
	}
}

# METADATA
# title: Whether a text is the number of a payment card
# description: 13 to 19 digits, spaces and hyphens aside, that pass the check of ISO/IEC 7812-1 (Luhn).
is_card(text) if {
	is_string(text)
	count(text) <= 32
	digits := replace(replace(text, " ", ""), "-", "")
	count(digits) >= 13
	count(digits) <= 19
	trim(digits, "0123456789") == ""
	reversed := split(strings.reverse(digits), "")
	sum([_weight(at, to_number(digit)) | some at, digit in reversed]) % 10 == 0
}

_weight(at, digit) := digit if at % 2 == 0

_weight(at, digit) := digit * 2 if {
	at % 2 == 1
	digit < 5
}

_weight(at, digit) := (digit * 2) - 9 if {
	at % 2 == 1
	digit >= 5
}
