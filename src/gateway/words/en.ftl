# What the gateway says when it does not let through, or cannot.

denied-title = Site blocked
denied-text = The school's network gives no access to { $host }.
port-title = Port closed
port-text = The school's network gives no access to this port of { $host }.
prohibited-title = Internal address
prohibited-text = { $host } leads to an internal address, which is not reached through the gateway.
loop-title = Request in a loop
loop-text = The request for { $host } has been here before. Two gateways send to each other: a setting is wrong.
target-title = Request not understood
target-text = This request makes no sense to the gateway. Check the address.
name-title = Site not found
name-text = Nobody knows the address of { $host }. The name may be misspelt.
refused-title = Site closed
refused-text = The machine of { $host } refuses the connection.
away-title = Site out of reach
away-text = { $host } does not answer. Try again in a moment.
silent-title = Site too slow
silent-text = { $host } took the request and does not answer.
broken-title = Unreadable answer
broken-text = The answer of { $host } broke off or cannot be read.
busy-title = Gateway busy
busy-text = The school's gateway is short of room. Try again in a moment.
link-title = The Internet is cut
link-text = The school has no Internet at the moment. No use waiting for { $host }: your textbooks are here.
upstream-title = Upstream gateway out of reach
upstream-text = The gateway through which the school goes does not answer as it should.
upstream-denied-title = Site blocked
upstream-denied-text = The gateway through which the school goes gives no access to { $host }.

refusal-site = Site
refusal-port = Port
refusal-category = Category
refusal-rule = Rule
refusal-profile = Profile
refusal-ask = Whom to ask: { $contact }.
refusal-ask-cmil = If this is a mistake, tell the school's CMIL (computer staff).
refusal-library = Open the school's library
refusal-lately = What was blocked on this device
refusal-code = Technical detail:

proxy-title = The school's gateway
proxy-text = This is the address of the gateway through which devices go to the Internet. To read your textbooks, open the library.
proxy-file = Automatic settings for browsers

blocked-title = What was blocked on this device
blocked-text = Within the last hour. Only this device sees this list; it goes by itself.
blocked-none = Nothing was blocked on this device within the last hour.
blocked-when = Last time
blocked-times = { $count } times
