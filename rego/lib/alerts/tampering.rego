# METADATA
# title: Somebody works on the logs, or on what watches
package lib.alerts.tampering

import data.lib.alerts.facts

# METADATA
# title: What was found
found contains facts.alert("log_stopped", "critical", "a log was stopped or removed") if facts.operation in _stops

found contains facts.alert("log_narrowed", "high", "a trail no longer records every management event") if {
	facts.operation == "PutEventSelectors"
	some selector in facts.request.eventSelectors
	_is_narrow(selector)
}

found contains facts.alert("log_expires_early", "high", "objects of a bucket expire within a week") if {
	facts.operation in {"PutBucketLifecycle", "PutBucketLifecycleConfiguration"}
	some rule in _list(facts.request.LifecycleConfiguration.Rule)
	rule.Status == "Enabled"
	rule.Expiration.Days <= _week
}

found contains facts.alert("guardrails_left", "critical", "an account leaves its organisation and its rules") if {
	facts.operation == "LeaveOrganization"
}

# Calls that end a record of what is done: CloudTrail, flow logs, CloudWatch, Config, GuardDuty.
_stops := {
	"StopLogging", "DeleteTrail", "DeleteEventDataStore", "StopEventDataStoreIngestion", "DeleteFlowLogs", "DeleteLogGroup",
	"DeleteLogStream", "StopConfigurationRecorder", "DeleteConfigurationRecorder", "DeleteDetector",
	"DeleteBucketLogging",
}

_week := 7

_is_narrow(selector) if selector.includeManagementEvents == false

_is_narrow(selector) if selector.readWriteType in {"ReadOnly", "WriteOnly"}

_is_narrow(selector) if count(selector.excludeManagementEventSources) > 0

_list(value) := value if is_array(value)

_list(value) := [value] if is_object(value)
