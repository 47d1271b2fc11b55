package stele_alert_test

import data.stele

_rules(event) := _found(_entry(event))

# 2023-07-10, a Monday, at noon UTC.
_noon := 1688990400000

_entry(event) := {
	"subject": {"type": "service", "id": "trail", "properties": {}},
	"action": {"name": "entry.append"},
	"resource": {"type": "ledger", "id": "demo", "properties": {}},
	"entry": {"kind": "event", "index": 1, "allow": true},
	"recent": [],
	"event": event,
	"time": {"ms": _noon},
}

_call(name, request) := {"eventName": name, "requestParameters": request, "recipientAccountId": "111"}

_policy(statement) := json.marshal_with_options({"Statement": statement}, {})

# Event, and the rules that must find it.
_table := [
	[_call("GetUser", null), []],
	[_call("StopLogging", {"name": "t"}), ["log_stopped"]],
	[{"data": _call("DeleteTrail", {"name": "t"})}, ["log_stopped"]],
	[_call("PutEventSelectors", {"eventSelectors": [{"includeManagementEvents": false}]}), ["log_narrowed"]],
	[_call("PutEventSelectors", {"eventSelectors": [{"readWriteType": "ReadOnly"}]}), ["log_narrowed"]],
	[
		_call("PutEventSelectors", {"eventSelectors": [{"excludeManagementEventSources": ["kms.amazonaws.com"]}]}),
		["log_narrowed"],
	],
	[
		_call("PutEventSelectors", {"eventSelectors": [{
			"readWriteType": "All",
			"includeManagementEvents": true,
			"excludeManagementEventSources": [],
		}]}),
		[],
	],
	[_call("PutBucketLifecycle", _expiry({"Days": 1})), ["log_expires_early"]],
	[_call("PutBucketLifecycle", _expiry({"Days": 365})), []],
	[_call("PutBucketLifecycle", {"LifecycleConfiguration": {"Rule": [_rule({"Days": 7})]}}), ["log_expires_early"]],
	[_call("LeaveOrganization", null), ["guardrails_left"]],
	[_call("ModifySnapshotAttribute", {"createVolumePermission": {"add": {"items": [{"group": "all"}]}}}), ["image_shared"]],
	[_call("ModifyImageAttribute", {"launchPermission": {"add": {"items": [{"userId": "2"}]}}}), ["image_shared"]],
	[_call("ModifyImageAttribute", {"launchPermission": {"remove": {"items": [{"userId": "2"}]}}}), []],
	[_call("AuthorizeSecurityGroupIngress", _port(22, 22, {"cidrIp": "0.0.0.0/0"})), ["administration_open"]],
	[_call("AuthorizeSecurityGroupIngress", _ports([_port(0, 65535, _ranges("0.0.0.0/0"))])), ["administration_open"]],
	[
		_call("AuthorizeSecurityGroupIngress", _ports([_port(3389, 3389, {"ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]}})])),
		["administration_open"],
	],
	[_call("AuthorizeSecurityGroupIngress", _ports([_port(443, 443, _ranges("0.0.0.0/0"))])), []],
	[_call("AuthorizeSecurityGroupIngress", _ports([_port(22, 22, _ranges("10.0.0.0/8"))])), []],
	[_call("SendCommand", {"documentName": "AWS-RunShellScript"}), ["remote_command"]],
	[_call("RunInstances", {"instanceType": "p2.xlarge"}), ["costly_machines"]],
	[_call("RunInstances", {"instancesSet": {"items": [{"maxCount": 10}]}}), ["costly_machines"]],
	[_call("RunInstances", {"instanceType": "t3.micro", "instancesSet": {"items": [{"maxCount": 1}]}}), []],
	[_call("AttachRolePolicy", {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}), ["administrator_made"]],
	[_call("AttachRolePolicy", {"policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}), []],
	[_call("PutRolePolicy", {"policyDocument": _policy(_allow("*"))}), ["rights_without_bounds"]],
	[_call("CreatePolicyVersion", {"policyDocument": _policy([_allow(["s3:Get*", "IAM:*"])])}), ["rights_without_bounds"]],
	[_call("PutRolePolicy", {"policyDocument": _policy(_allow("ec2:Describe*"))}), []],
	[_call("PutRolePolicy", {"policyDocument": _policy({"Effect": "Deny", "Action": "*"})}), []],
	[_call("PutRolePolicy", {"policyDocument": _policy(_all_but("NotAction", "iam:*"))}), ["rights_without_bounds"]],
	[_call("CreatePolicy", {"policyDocument": _policy(_all_but("NotAction", ["s3:Get*"]))}), ["rights_without_bounds"]],
	[_call("PutUserPolicy", {"policyDocument": _policy({"Effect": "Deny", "NotAction": "iam:*"})}), []],
	[_call("CreateRole", {"assumeRolePolicyDocument": _policy(_all_but("NotPrincipal", {"AWS": "111"}))}), ["role_opened"]],
	[_call("UpdateAssumeRolePolicy", {"policyDocument": _policy({"Effect": "Deny", "NotPrincipal": {"AWS": "111"}})}), []],
	[_call("PutBucketPolicy", {"bucketPolicy": {"Statement": [_all_but("NotPrincipal", {"AWS": "111"})]}}), ["resource_opened"]],
	[_call("PutBucketPolicy", {"bucketPolicy": {"Statement": [_all_but("NotAction", "s3:DeleteBucket")]}}), ["resource_opened"]],
	[_call("PutBucketPolicy", {"bucketPolicy": {"Statement": {"Effect": "Deny", "NotPrincipal": "*"}}}), []],
	[_call("PutBucketPolicy", {"bucketPolicy": {"Statement": _trust("*")}}), ["resource_opened"]],
	[_call("PutBucketPolicy", {"bucketPolicy": {"Statement": _trust({"AWS": ["*"]})}}), ["resource_opened"]],
	[_call("PutBucketPolicy", {"bucketPolicy": {"Statement": object.union(_trust("*"), {"Condition": {"Bool": {"aws:SecureTransport": "true"}}})}}), []],
	[_call("PutBucketPolicy", {"bucketPolicy": {"Statement": object.union(_trust("*"), {"Condition": {"Bool": {}}})}}), ["resource_opened"]],
	[_call("PutBucketPolicy", {"bucketPolicy": {"Statement": object.union(_trust("*"), {"Condition": {}})}}), ["resource_opened"]],
	[_call("PutBucketPolicy", {"bucketPolicy": {"Statement": _trust({"Service": "cloudtrail.amazonaws.com"})}}), []],
	[_call("PutKeyPolicy", {"policy": _policy(_all_but("NotPrincipal", "111"))}), ["resource_opened"]],
	[_call("PutResourcePolicy", {"resourcePolicy": _policy(_trust("*"))}), ["resource_opened"]],
	[_call("SetQueueAttributes", {"attributes": {"Policy": _policy(_trust("*"))}}), ["resource_opened"]],
	[_call("SetQueueAttributes", {"attributes": {"DelaySeconds": "1"}}), []],
	[_call("SetTopicAttributes", {"attributeName": "Policy", "attributeValue": _policy(_trust("*"))}), ["resource_opened"]],
	[_call("SetTopicAttributes", {"attributeName": "DisplayName", "attributeValue": _policy(_trust("*"))}), []],
	[_call("PutRolePolicy", {"policyDocument": "no JSON"}), []],
	[_call("PutRolePolicy", {"policyDocument": {"Statement": _allow("*")}}), ["rights_without_bounds"]],
	[_call("PutRolePolicy", {"policyDocument": "{\"a\": &a [1], \"Statement\": [*a]}"}), []],
	[_call("PutRolePolicy", {"policyDocument": _deep}), []],
	[_call("CreateRole", {"assumeRolePolicyDocument": _policy(_trust({"AWS": "222"}))}), ["role_opened"]],
	[_call("UpdateAssumeRolePolicy", {"policyDocument": _policy(_trust({"AWS": ["arn:aws:iam::222:root"]}))}), ["role_opened"]],
	[_call("UpdateAssumeRolePolicy", {"policyDocument": _policy(_trust("*"))}), ["role_opened"]],
	[_call("UpdateAssumeRolePolicy", {"policyDocument": _policy(_trust({"AWS": "arn:aws:iam::111:root"}))}), []],
	[_call("CreateRole", {"assumeRolePolicyDocument": _policy(_trust({"Service": "ec2.amazonaws.com"}))}), []],
	[_as("eve", _call("CreateAccessKey", {"userName": "bob"})), ["credentials_for_another"]],
	[_as("bob", _call("CreateAccessKey", {"userName": "bob"})), []],
	[{}, []],
	["a text", []],
	[[], []],
	[null, []],
]

_all_but(member, named) := {"Effect": "Allow", "Resource": "*", member: named}

_everything := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

_deep := concat("", [`{"Statement":`, concat("", [bracket | some bracket in ["[", "]"]; some _ in numbers.range(1, 20)]), "}"])

# Spellings of one document.
_spelt := [
	_everything,
	concat("", ["\n", _everything]),
	concat("", [" \t\r\n", _everything, "\n"]),
	concat("", ["\uFEFF", _everything]),
	replace(_everything, ",", ",\n\t"),
	replace(_everything, ",", ",\r\n    "),
	urlquery.encode(_everything),
	urlquery.encode(replace(_everything, ",", ",\n\t")),
	replace(_everything, `"*"`, `"\u002a"`),
	replace(_everything, `"*"`, `"\u002A"`),
	replace(_everything, `"*"`, `["s3:Get*", " iam:?*"]`),
	replace(_everything, `"Effect"`, `"Sid":"\\\u0022 \u00e9 \uD83D\uDE00 é \" {","Effect"`),
]

test_rights_without_bounds_are_found_however_they_are_spelt if {
	missed := [text | some text in _spelt; _rules(_call("PutUserPolicy", {"policyDocument": text})) != ["rights_without_bounds"]]
	print(missed)
	count(missed) == 0
}

test_an_opened_role_is_found_however_it_is_spelt if {
	document := replace(_everything, `"Resource":"*"`, `"Principal":{"AWS":"arn:aws:iam::222:root"}`)
	every text in [document, replace(document, ",", ",\n\t"), concat("", ["\n", document]), urlquery.encode(document)] {
		_rules(_call("UpdateAssumeRolePolicy", {"policyDocument": text})) == ["role_opened"]
	}
}

_rule(expiration) := {"Status": "Enabled", "Expiration": expiration}

_expiry(expiration) := {"LifecycleConfiguration": {"Rule": _rule(expiration)}}

_port(from, to, more) := object.union({"ipProtocol": "tcp", "fromPort": from, "toPort": to}, more)

_ports(list) := {"ipPermissions": {"items": list}}

_ranges(cidr) := {"ipRanges": {"items": [{"cidrIp": cidr}]}}

_allow(action) := {"Effect": "Allow", "Action": action, "Resource": "*"}

_trust(principal) := {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}

_as(name, event) := object.union(event, {"userIdentity": {"type": "IAMUser", "userName": name}})

test_each_event_raises_exactly_its_alerts if {
	wrong := [[row, got] |
		some row in _table
		got := _rules(row[0])
		got != row[1]
	]
	print(wrong)
	count(wrong) == 0
}

test_an_attempt_that_failed_is_an_alert_and_says_so if {
	failed := object.union(_call("StopLogging", {}), {"errorCode": "TrailNotFoundException"})
	stele.alert == [{
		"rule": "log_stopped",
		"severity": "critical",
		"title": "failed: a log was stopped or removed",
		"outcome": "failure",
	}] with input as _entry(failed)
}

test_what_came_with_a_denied_request_is_no_event if {
	stop := object.union(_call("StopLogging", {}), {"readOnly": false, "userIdentity": {"type": "Root"}})
	denied := object.union(_entry(stop), {"entry": {"kind": "denial"}})
	_found(denied) == []
}

test_an_attempt_that_this_ledger_denied_says_so if {
	activation := {"action": {"name": "policy.activate"}, "entry": {"kind": "denial"}}
	alerts := stele.alert with input as object.union(_at(3, null), activation)
	alerts == [{
		"rule": "off_hours_administration",
		"severity": "low",
		"title": "denied: a person changed something outside of business hours",
		"outcome": "failure",
	}]
}

_denied(event) := object.union(_entry(event), {"subject": {"id": "mallory"}, "entry": {"kind": "denial"}})

test_who_is_denied_is_whom_the_gateway_knows_whatever_he_writes if {
	claims := [
		{"userIdentity": {"arn": "arn:aws:iam::1:user/ceo"}},
		{"data": {"userIdentity": {"arn": "arn:aws:iam::1:user/ceo"}}},
		{"userAgent": concat("", [text | some _ in numbers.range(1, 3000); text := "x"])},
		null,
	]
	every claim in claims {
		fact := stele.fact with input as _denied(claim)
		[fact.actor, fact.agent, fact.refused] == ["service/mallory", "", true]
		recent := [fact | some _ in numbers.range(1, 9)]
		alerts := stele.alert with input as object.union(_denied(claim), {"recent": recent})
		[[alert.rule, alert.title] | some alert in alerts] == [["many_refusals", "one caller was refused again and again"]]
	}
}

test_what_is_kept_stays_small_and_two_things_stay_two if {
	long := concat("", [text | some _ in numbers.range(1, 3000); text := "\t"])
	names := [sprintf("%s%d", [long, n]) | some n in numbers.range(1, 300)]
	fact := _fact({
		"eventName": "GetParameters",
		"userAgent": long,
		"userIdentity": {"type": "AssumedRole", "arn": concat("", ["arn:aws:sts::1:assumed-role/", long, "/i-1"])},
		"sourceIPAddress": long,
		"requestParameters": {"names": names},
	})
	count(json.marshal_with_options(fact, {})) < 2048
	count({target | some target in fact.targets}) == 10
	_fact({"errorCode": "AccessDenied", "userIdentity": {"arn": 5}, "userAgent": {}}).actor == "service/trail"
}

_change(type) := {"eventName": "CreateUser", "readOnly": false, "userIdentity": {"type": type}}

_at(hour, event) := object.union(_entry(event), {"time": {"ms": _noon + ((hour - 12) * 3600000)}})

_found(given) := rules if {
	alerts := stele.alert with input as given
	rules := [alert.rule | some alert in alerts]
}

test_a_person_who_changes_things_at_night_is_heard_of if {
	_found(_at(12, _change("IAMUser"))) == []
	_found(_at(23, _change("IAMUser"))) == ["off_hours_administration"]
	_found(_at(23, _change("AWSService"))) == []
	_found(_at(23, object.union(_change("IAMUser"), {"readOnly": true}))) == []
	_found(_at(12, _change("Root"))) == ["root_used"]
}

test_a_policy_that_is_activated_at_night_is_heard_of if {
	at_night := object.union(_at(3, null), {"action": {"name": "policy.activate"}})
	_found(at_night) == ["off_hours_administration"]
}

test_a_broken_glass_is_heard_of if {
	claim := {"reason": "the payment queue stands still", "ticket": "INC-7"}
	_found(object.union(_at(12, null), {"context": {"break_glass": claim}})) == ["glass_broken"]
	activation := {"action": {"name": "policy.activate"}, "resource": {"properties": {"change": "break_glass"}}}
	_found(object.union(_at(12, null), activation)) == ["glass_broken"]
}

_fetch(name, number) := {
	"eventName": "GetSecretValue",
	"userAgent": name,
	"userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111:user/eve"},
	"requestParameters": {"secretId": sprintf("%d", [number])},
}

_fact(event) := fact if {
	fact := stele.fact with input as _entry(event)
}

_with(event, recent) := object.union(_entry(event), {"recent": recent})

test_the_tenth_secret_is_an_export_and_the_eleventh_no_second if {
	before := [_fact(_fetch("a", n)) | some n in numbers.range(1, 8)]
	ninth := array.concat(before, [_fact(_fetch("a", 9))])
	tenth := array.concat(ninth, [_fact(_fetch("a", 10))])
	_found(_with(_fetch("a", 9), before)) == []
	_found(_with(_fetch("a", 10), ninth)) == ["mass_export"]
	_found(_with(_fetch("a", 9), ninth)) == []
	_found(_with(_fetch("a", 11), tenth)) == []
	_found(_with(_fetch("another", 10), tenth)) == []
}

test_a_program_of_another_name_for_each_call_hides_no_export if {
	evading := [_fact(_fetch(sprintf("agent %d", [n]), n)) | some n in numbers.range(1, 9)]
	_found(_with(_fetch("agent 10", 10), evading)) == ["mass_export"]
	_found(_with(_fetch("agent 10", 9), evading)) == []
	_found(_with(_fetch("agent 11", 11), array.concat(evading, [_fact(_fetch("agent 10", 10))]))) == []

	# Nor does it hide behind a program that fetches much.
	bulk := [_fact(_fetch("terraform", n)) | some n in numbers.range(100, 120)]
	_found(_with(_fetch("agent 10", 10), array.concat(bulk, evading))) == ["mass_export"]
	_found(_with(_fetch("agent 9", 9), array.concat(bulk, array.slice(evading, 0, 8)))) == []

	# One of the program that fetched much is old: what is left of it counts with the rest, and the next ten are named.
	aged := array.concat(array.slice(bulk, 1, 10), array.slice(evading, 0, 8))
	_found(_with(_fetch("agent 20", 20), aged)) == []
	more := [_fact(_fetch(sprintf("agent %d", [n]), n)) | some n in numbers.range(20, 21)]
	_found(_with(_fetch("agent 22", 22), array.concat(aged, more))) == ["mass_export"]
}

test_parameters_are_counted_by_name if {
	names := [sprintf("%d", [n]) | some n in numbers.range(1, 10)]
	_rules(_call("GetParameters", {"names": names})) == ["mass_export"]
	_rules(_call("GetParameters", {"names": array.slice(names, 0, 9)})) == []
	_fact(_call("GetParameter", {"name": "x"})).targets == ["x"]
}

test_what_is_kept_names_what_was_fetched if {
	_fact(_call("GetPasswordData", {"instanceId": "i-1"})).targets == ["i-1"]
	_fact(_call("DescribeInstanceAttribute", {"instanceId": "i-1", "attribute": "userData"})).topic == "user data"
	_fact(_call("DescribeInstanceAttribute", {"instanceId": "i-1", "attribute": "kernel"})) == null
	_fact(_call("GetUser", {})) == null
	_fact(null) == null
}

test_reading_the_ledger_in_bulk_is_an_export if {
	read := {
		"subject": {"type": "user", "id": "eve"},
		"action": {"name": "entry.read"},
		"resource": {"type": "entry", "id": "e-10"},
		"entry": {"kind": "access"},
		"recent": [{"topic": "records", "agent": "", "targets": [sprintf("%d", [n])], "address": "", "refused": false} |
			some n in numbers.range(1, 9)
		],
		"time": {"ms": _noon},
	}
	_found(read) == ["mass_export"]
	kept := stele.fact with input as read
	kept.actor == "user/eve"
	kept.targets == ["e-10"]
}

_refusal(code) := {
	"eventName": "GetUser",
	"errorCode": code,
	"userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111:user/eve"},
}

test_the_tenth_refusal_is_heard_of_and_throttling_is_none if {
	recent := [_fact(_refusal("AccessDenied")) | some _ in numbers.range(1, 9)]
	_found(_with(_refusal("Client.UnauthorizedOperation"), recent)) == ["many_refusals"]
	_found(_with(_refusal("AccessDenied"), array.slice(recent, 0, 8))) == []
	_found(_with(_refusal("ThrottlingException"), recent)) == []
	_fact(_refusal("ThrottlingException")) == null
}

_session(address) := {
	"eventName": "GetCallerIdentity",
	"sourceIPAddress": address,
	"userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111:assumed-role/web/i-0abc"},
}

test_a_machine_that_calls_from_another_address_has_lost_its_credentials if {
	recent := [_fact(_session("3.225.16.109"))]
	_found(_with(_session("192.168.10.20"), recent)) == ["credentials_moved"]
	_found(_with(_session("3.225.16.109"), recent)) == []
	_found(_with(_session("192.168.10.20"), [])) == []
	person := {"userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111:assumed-role/web/eve"}}
	_found(_with(object.union(_session("10.0.0.1"), person), recent)) == []
}
