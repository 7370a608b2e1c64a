/**
 * Small policies that together use every construct by which a policy can read its input. Each is a package `cases.<name>` whose rule `out`
 * is a set of texts, or of arrays that start with one: the first text names the rule.
 */
export const POLICIES: Readonly<Record<string, string>> = {
  comparisons: `
out contains "equal" if input.text == "x"
out contains "unequal" if input.text != "x"
out contains "more" if input.n > 1
out contains "two parts" if input.a == input.b
out contains "object" if input.a == {"a": 1}
out contains "empty object" if input.obj == {}
out contains "empty list" if input.list == []
out contains "not empty" if input.c != {}
out contains "not empty on the left" if [] != input.k
out contains "not this" if input.b != [1]
out contains "null" if input.a == null
out contains "order" if input.a < input.b
`,
  truth: `
out contains "flag" if input.flag
out contains "no flag" if not input.flag
out contains "true" if input.flag == true
out contains "false" if input.flag == false
out contains "not true" if input.flag != true
out contains "there" if input.a.b
out contains "not there" if not input.a.b
out contains "as flag" if input.c == input.flag
`,
  functions: `
first(x) := x.b
fits(entry, n) if entry.a == n
whole(all) if all.c.a == 1
nested(x) := first(x.a)
out contains "answer" if first(input.a) == 1
out contains "two arguments" if {
	some entry in input.list
	fits(entry, input.n)
}
out contains "the input as argument" if whole(input)
out contains ["through two", v] if v := nested(input.obj)
out contains "constant argument" if given("x", input.text)
given("x", "x") if true
given("x", text) if text == "y"
`,
  answers: `
chosen := input.a if input.flag
chosen := input.b if not input.flag
first := input.a if {
	input.flag
} else := input.b if {
	input.n == 1
} else := input.c
out contains "of two bodies" if chosen.c == 1
out contains "of else" if first.c == 1
out contains ["of else whole", first] if input.text == "z"
`,
  conflict: `
twice(x) := x.a
twice(x) := x.b
both := input.a
both := input.b
out contains "function" if twice(input.obj)
out contains "rule" if {
	input.n == 1
	both.c
}
`,
  some_in: `
out contains ["value", v] if {
	some v in input.list
	input.flag
}
out contains ["key", k] if {
	some k, v in input.obj
	v.a == 1
}
out contains "place" if {
	some i, v in input.list
	v.a == i
}
out contains "own key" if input.obj[k] == k
out contains "scan" if input.list[_].b == "x"
`,
  nested_some: `
out contains "inner" if {
	some x in input.list
	some y in x.a
	y == input.text
}
out contains "pair" if {
	some x in input.list
	some y in input.list
	x.a == y.b
}
out contains "deep" if input.obj[_][_].b == 1
`,
  every_one: `
out contains "all" if {
	every x in input.list { x.a == 1 }
}
out contains "all keys" if {
	every k, v in input.obj { v != k }
}
out contains "nested" if {
	every x in input.list {
		every y in x.b { y != "x" }
	}
}
`,
  comprehensions: `
out contains "set" if count({x.a | some x in input.list; x.b}) > 1
out contains ["array", [x.a | some x in input.list]]
out contains ["object", {k: v.a | some k, v in input.obj}]
out contains "closure" if count([1 | some x in input.list; x.c == input.n]) == 1
`,
  with_input: `
fits if {
	input.a.b == 1
	input.c == "x"
}
out contains "part" if fits with input.a as {"b": 1}
out contains "other part" if fits with input.a.b as 1
out contains "from the input" if fits with input.a as input.obj
near if input.c == "x"
out contains "all" if near with input as input.obj
out contains "made" if fits with input as {"a": input.b, "c": "x"}
out contains "two" if fits with input.a.b as input.n with input.c as input.text
out contains "after" if {
	not fits with input.a as input.b
	input.k.a == 1
}
`,
  with_data: `
base := 1
out contains "rule" if base == 1 with data.cases.with_data.base as input.n
out contains "member" if base.b == 1 with data.cases.with_data.base as input.a
`,
  object_get: `
out contains ["key", object.get(input.a, "b", "none")]
out contains "path" if object.get(input, ["obj", "a", "b"], 0) == 1
out contains "default" if object.get(input.obj, "k", input.text) == "x"
out contains "then more" if object.get(input.obj, "a", {}).b == 1
out contains "false" if object.get(input.obj, "b", true) == false
out contains "literals beside" if object.get(input, ["k", "a"], {"x": [1]}) == 2
`,
  object_get_dynamic: `
out contains "key" if object.get(input.obj, input.text, 0) == 1
out contains "path" if object.get(input.a, ["b", input.text], 0) == 1
out contains "no path" if object.get(input.c, [], 0).a == 1
out contains "number" if object.get(input.k, ["list", 0], 0) == 1
`,
  dynamic_keys: `
out contains "by text" if input.obj[input.text].a == 1
out contains "by number" if input.list[input.n].b == "x"
out contains "of the input" if input[input.text]
out contains "first" if input.list[0].a == 1
out contains "constant by variable" if {
	some key in ["a", "b"]
	input.c[key] == 1
}
`,
  walks: `
out contains "any" if {
	walk(input.a, [_, value])
	value == "x"
}
out contains ["path", path] if {
	walk(input.obj, [path, 1])
}
`,
  negations: `
out contains "none" if not some_x
some_x if input.list[_].a == "x"
out contains "absent" if not input.obj.a.b
out contains "not equal" if not input.text == "x"
out contains "not in" if not input.text in ["x", "y"]
out contains "absent or false" if not input.c
`,
  defaults: `
default level := 3
level := input.n
default mode := "none"
mode := input.a.b if input.flag
default small(_) := false
small(x) if x < 1
out contains ["level", level]
out contains ["mode", mode]
out contains "small" if small(input.n)
`,
  partial_rules: `
seen contains x.a if some x in input.list
table[k] := v.b if some k, v in input.obj
by_value[x.a] := x.b if some x in input.list
grouped[x.a] contains x.b if some x in input.list
out contains "set" if "x" in seen
out contains "object" if table.a == 1
out contains "conflict" if {
	input.flag
	by_value.x == 1
}
out contains ["grouped", grouped.x]
out contains ["all", seen] if input.n == 2
`,
  texts: `
out contains ["both", $"{input.text}-{input.n}"]
out contains ["member", $"{input.a.b}"] if input.flag
out contains ["joined", concat(",", [input.text, input.b])]
`,
  literals: `
out contains ["object", {"v": input.a}] if input.n == 1
out contains ["key", {input.text: 1}]
out contains "array" if [input.b, 1][_] == "x"
out contains "set" if 1 in {input.c, input.n}
out contains "read again" if {
	made := {"v": input.k}
	made.v.a == 1
}
out contains "chosen" if {
	some part in [input.a, input.b]
	part.c == 1
}
`,
  membership: `
out contains "in list" if input.text in input.list
out contains "in object" if input.n in input.obj
out contains "with key" if "a", 1 in input.obj
out contains "of members" if "x" in input.a.list
out contains "text in constant" if input.text in {"x", "y"}
`,
  patterns: `
out contains "array" if [1, _] = input.list
out contains ["bound", y] if ["x", y] = input.list
out contains "object" if {"a": 1, "b": _} = input.obj
out contains "nested" if [{"a": 1}, _] = input.list
`,
  builtins: `
out contains "regex" if regex.match("^x", input.text)
out contains "glob" if glob.match("x*", [], input.text)
out contains ["json", json.marshal(input.a)] if input.n == 1
out contains "number" if to_number(input.b) == 1
out contains "starts" if startswith(input.text, "x")
out contains ["split", split(input.text, "y")]
out contains "contains" if contains(input.c, "x")
out contains ["filter", json.filter(input.obj, ["a/b"])]
`,
  aggregates: `
out contains "many" if count(input.list) > 1
out contains "members" if count(input.obj) == 1
out contains "long" if count(input.text) > 1
out contains "of anything" if count(input.a) == 2
out contains "of each" if count(input.b[_]) == 2
out contains ["sum", sum(input.k.list)]
out contains ["max", max(input.k.list)]
out contains ["sorted", sort(input.c)]
`,
  collections: `
out contains ["concat", array.concat(input.list, input.a)] if input.n == 1
out contains ["slice", array.slice(input.list, 0, 1)] if input.n == 2
out contains ["union", {x | some x in input.list} | {x | some x in input.a}] if input.n == 3
out contains ["both", {x | some x in input.list} & {"x", "y", 1}]
out contains ["merged", object.union(input.obj, {"k": 1})] if input.flag
out contains ["keys", object.keys(input.b)]
out contains ["removed", object.remove(input.c, ["a"])]
`,
  else_chain: `
level := 1 if {
	input.text == "x"
} else := 2 if {
	input.a.b == 1
} else := input.n if {
	not input.flag
}
out contains ["level", level]
`,
  early_exit: `
found if input.list[_].a == 1
found if input.obj[_].b == "x"
found if input.text == "y"
out contains "found" if found
out contains "not found" if not found
`,
  packages: `
import data.shared.names
out contains "helper" if data.shared.names.fits(input.a)
out contains "rule" if names.chosen == "x"
out contains ["set", v] if some v in names.all
out contains "dynamic" if data.shared.named[input.text].b == 1
`,
  ref_heads: `
table[k].name := v.a if some k, v in input.obj
q.a.b := input.a.c
t[input.text] := input.n
out contains "nested" if table.a.name == 1
out contains "constant" if q.a.b == 1
out contains "by input" if t.x == 1
out contains ["document", q] if input.flag
`,
  types: `
out contains "text" if is_string(input.a)
out contains "number" if is_number(input.b)
out contains "object" if is_object(input.c)
out contains "array" if is_array(input.list)
out contains "null" if is_null(input.obj.a)
out contains "boolean" if is_boolean(input.n)
out contains ["name", type_name(input.k)]
`,
  depth: `
out contains "eleven" if input.deep.a.a.a.a.a.a.a.a.a.a == "x"
out contains "there" if input.deep.a.a.a.a.a.a.a.a.a.a.a.a
`,
  less_depth: `
out contains "nine" if input.deep.a.a.a.a.a.a.a.a == "x"
`,
  loops: `
out contains "kept" if {
	some x in input.list
	y := x.a
	some z in y
	z == x.b
}
out contains "counted" if count([x | some x in input.list; count(x.a) > 1]) == 1
out contains "compared" if {
	some i, j
	input.list[i].a == input.list[j].a
	i != j
}
`,
  arithmetic: `
out contains ["sum", input.n + 1]
out contains "product" if input.n * input.k.n == 2
out contains "remainder" if input.n % 2 == 1
out contains "divided" if 2 / input.n == 1
out contains ["range", numbers.range(0, input.n)] if input.n < 4
`,
  whole_input: `
out contains ["copy", input] if input.n == 1
out contains "empty" if input == {}
`,
};

/** Packages that `POLICIES` refer to. */
export const SHARED: Readonly<Record<string, string>> = {
  names: `
fits(x) if x.b == 1
chosen := input.obj.a
all contains x.c if some x in input.list
`,
  named: `
x := input.a
y := input.b
`,
};

/** What the analysis keeps of them beyond what they need: a `with` may hide what it replaces, and not every length is a text's. */
export const MORE_THAN_NEEDED: Readonly<Record<string, readonly string[]>> = {
  comparisons: [".list length", ".obj length"],
  patterns: [".list length", ".obj length"],
  with_input: [".a left out", ".a.b left out", ".a.b"],
};
