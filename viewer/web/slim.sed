# What of a script or a style is sent: without comments that have lines of their own, and without indentation. Every line keeps its number, so that a
# place in a browser's message is that place in the sources; a comment behind code stays. Good for files whose strings end on the line that they begin
# on (tests/browser/unit/slim.test.mjs).  sed -E -f slim.sed FILE
s,^ *//.*,,
s,^ */\*.*\*/ *$,,
/^ *\/\*/,/\*\//s,.*,,
s,^ +,,
s, +$,,
