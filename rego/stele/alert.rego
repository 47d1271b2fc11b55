# What somebody should hear of.
# `stele/alert` and `stele/fact` are asked of every sealed entry. Their input is the recorded input of the decision, and beside
# it `entry` (`{kind, id, index, allow}`) and `recent` (what `stele/fact` said of the same actor in the last five minutes,
# oldest first). A gateway asks where `policy.alerts` is on and the policy has them. They are not marked as entrypoints: the
# default module is no larger for them. `-e stele/alert -e stele/fact` compiles them into yours.
package stele

import data.lib.alerts.bulk
import data.lib.alerts.exposure
import data.lib.alerts.off_hours
import data.lib.alerts.privilege
import data.lib.alerts.tampering

# METADATA
# title: Alerts about a sealed entry
# description: Each `{rule, severity, title, outcome}`; severities are critical, high and medium. Mostly none.
alert := sort(((((bulk.found | exposure.found) | off_hours.found) | privilege.found) | tampering.found))

# METADATA
# title: What is to be kept of a sealed entry for the alerts after it
# description: Null where nothing is. `actor` is the key; the rest is not for reading.
default fact := null

fact := bulk.fact
