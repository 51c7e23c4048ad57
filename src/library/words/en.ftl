language = English
other-language = Français
skip = Skip to content
home = Textbooks
help = Help
search = Search
search-label = Search for a textbook
search-hint = Title, subject, publisher or ISBN
shelf-title = The school’s textbooks
shelf-count = { $count ->
    [0] No textbook yet
    [one] { $count } textbook
   *[other] { $count } textbooks
}
shelf-empty = The catalogue has not answered yet. This page will fill by itself: try again in a few minutes.
all-subjects = All subjects
subjects = Subjects
search-title = Search
search-found = { $count ->
    [0] No textbook matches “{ $query }”.
    [one] { $count } textbook for “{ $query }”
   *[other] { $count } textbooks for “{ $query }”
}
search-advice = Check the spelling, try one word of the title, or the subject.
search-back = See all textbooks
state-here = Available
state-coming = Being copied: { $percent }%
state-queued = Available soon
state-online = Online only
state-soon = From { $date }
state-expired = Ended on { $date }
state-others = For staff only
state-withdrawn = Withdrawn
read = Read
download-as = Download ({ $format }, { $size })
contents = Contents
publisher = Publisher
book-subjects = Subjects
book-levels = Levels
identifier = Identifier
available-until = Available until
authors = Authors
pages = Pages
explain-coming = The box is copying this textbook now. Come back in a few minutes.
explain-queued = This textbook waits for its turn to be copied to the box.
explain-online = Its publisher offers it online only: the Internet and your school account are needed to open it.
explain-online-link = Open at the publisher’s
explain-soon = The school’s subscription begins on { $date }.
explain-expired = The school’s subscription ended on { $date }.
explain-others = The school’s subscription does not cover pupils. The box cannot yet tell its readers apart: this textbook is read from the school portal.
explain-withdrawn = The school no longer subscribes to this textbook.
explain-damaged = This package cannot be opened: { $reason }. It can still be downloaded.
reader-position = { $page } / { $pages }
previous = Previous page
next = Next page
back-to-book = Back to the textbook
page-frame = { $title }, page { $page }
open-alone = Open by itself
pages-of = Pages
stale = The catalogue could not be refreshed. You see the one of { $date }; textbooks that are here can be read.
next-books = More textbooks
previous-books = Previous textbooks
format-epub = EPUB
format-pdf = PDF
format-web = web site
help-title = Help
help-what-title = What is Préau?
help-what = Préau is your school’s box that keeps a copy of the digital textbooks. They can be read on the school’s Wi-Fi, even when the Internet is cut.
help-read-title = Read a textbook
help-read = Choose a textbook, then “Read”. The links “Next page” and “Previous page” turn the pages. The contents lead straight to a chapter.
help-download-title = Download a textbook
help-download = “Download” saves the textbook on your device. A download that was cut can go on where it stopped. An EPUB file opens in a reading app.
help-apps-title = From a reading app
help-apps = Add this OPDS catalogue address to your app:
help-missing-title = A textbook is missing?
help-missing = The box lends the textbooks that the school subscribes to. If one is missing, tell the school librarian or the IT contact.
help-sources-title = How fresh the catalogue is
source-name = Source
source-good = Last answer
source-state = State
source-never = never
source-fine = up to date
source-failing = does not answer
error-title = Page not found
error-text = Nothing is at this address. The textbook may have been replaced or withdrawn.
not-lent-title = This textbook cannot be read
