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
upstream-account-title = Upstream gateway closed
upstream-account-text = The gateway through which the school goes does not recognise the box. Tell the CMIL: its account or password there needs a look.
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
refusal-lately = Ask the CMIL to look at this again
refusal-code = Technical detail:

proxy-title = The school's gateway
proxy-text = This is the address of the gateway through which devices go to the Internet. To read your textbooks, open the library.
proxy-file = Automatic settings for browsers

blocked-title = What was blocked on this device
blocked-text = Within the last hour. Only this device sees this list; it goes by itself.
blocked-none = Nothing was blocked on this device within the last hour.
blocked-when = Last time
blocked-times = { $count } times

review-ask = Ask the CMIL to look at this again
review-why = Why do you need it? Optional, 200 characters at most.
review-seen = The CMIL will see the site, the rule, this device's address, the role of whoever is signed in here (pupil, teacher) and this sentence. Write no name.
review-send = Send the request
review-sent = Request sent to the CMIL on { $moment }.
review-title = What this device asked the CMIL
review-answered = The CMIL's answer, on { $moment }:
review-waits = No answer yet. It will be shown here.
review-old = The request was not sent: this page was too old. Try again.
review-broken = The request was not sent: it came incomplete. Try again.
review-gone = The request was not sent: this site is no longer among those blocked within the last hour. Open it again, then try again.
review-too-often = The request was not sent: this device has sent five within the last hour.
review-full = The request was not sent: the CMIL has many to read already. Tell them.
review-unkept = The request was not sent: the box cannot keep it now. Try again later.
