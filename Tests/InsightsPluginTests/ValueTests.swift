import InsightsPlugin
import Testing

@Suite("Value") struct ValueTests {
    @Test(
        "writes compact JSON in the order of its keys",
        arguments: [
            (.null, "null"), (true, "true"), (-7, "-7"), (0.5, "0.5"), (.number(3), "3"), (.number(1e300), "1e+300"),
            (.number(9_007_199_254_740_991), "9007199254740991"), (.number(9_007_199_254_740_992), "9007199254740992"),
            (.number(-9_007_199_254_740_992), "-9007199254740992"), (.integer(.max), "9223372036854775807"),
            (["b": 1, "a": [true, nil]], #"{"b":1,"a":[true,null]}"#), ([], "[]"), ([:], "{}"),
            (.string("a\"\\/\n\r\t\u{1}\u{7F}é😀"), #""a\"\\/\n\r\t\u0001\u007fé😀""#),
        ] as [(Value, String)])
    func writes(value: Value, json: String) {
        #expect(value.json == json)
    }

    @Test("keeps the order of keys, reads escapes and surrogate pairs, and deep nesting up to its bound")
    func strictButComplete() throws {
        #expect(try Value(json: #" {"b":1,"a":2} "#.utf8).object?.keys == ["b", "a"])
        #expect(try Value(json: #""\u00e9\ud83d\ude00\b\f\/""#.utf8) == "\u{E9}\u{1F600}\u{8}\u{C}/")
        #expect(try Value(json: "9223372036854775808".utf8) == .number(9_223_372_036_854_775_808))
        let deep = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
        #expect(try Value(json: deep.utf8).json == deep)
        #expect(throws: JSONError.self) { try Value(json: [0x22, 0xFF, 0x22]) }
    }

    @Test("indents for people")
    func pretty() {
        let value: Value = ["a": [1, 2], "b": [:], "c": []]
        #expect(value.prettyJSON == "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {},\n  \"c\": []\n}")
    }

    @Test(
        "reads back what it wrote",
        arguments: [
            nil, true, 0, -1, .integer(.min), 0.25, "", "x\u{1F}y", [nil, [1, ["k": "v"]]], ["a": ["b": ["c": 1.5]]],
        ] as [Value])
    func reads(value: Value) throws {
        #expect(try Value(json: value.json.utf8) == value)
        #expect(try Value(json: value.prettyJSON.utf8) == value)
    }

    @Test(
        "refuses what is not one JSON value",
        arguments: [
            "", "{", "[1,]", "{\"a\":}", "nul", "1 2", "\"\u{1}\"", "{'a':1}", "01", "1.", "1e", "-", "+1", ".5", "NaN",
            "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"abc", "[1 2]", "{\"a\" 1}", "{1:2}",
            "{\"a\":1,\"a\":2}", "{\"a\":1,}", "1e999", "\u{FEFF}1", "tru", "[", "]",
            String(repeating: "[", count: 129) + String(repeating: "]", count: 129),
        ])
    func refuses(text: String) {
        #expect(throws: JSONError.self) { try Value(json: text.utf8) }
    }

    @Test("objects are equal whatever their order, keep it, and hold a key once")
    func objects() {
        let one: ValueObject = ["a": 1, "b": 2]
        let other: ValueObject = ["b": 2, "a": 1]
        #expect(one == other)
        #expect(Set([one, other]).count == 1)
        #expect(one.keys == ["a", "b"])
        #expect(other.keys == ["b", "a"])
        #expect(ValueObject([("a", 1), ("b", 2), ("a", 3)]) == ["a": 3, "b": 2])
        #expect(one != ["a": 1])
        #expect(one != ["a": 1, "b": 3])
        var changed = one
        changed["a"] = nil
        changed["c"] = 4
        #expect(changed.keys == ["b", "c"])
    }

    @Test("a whole number is one however it was written, and nothing else is")
    func numbers() {
        #expect(Value.number(4).integer == 4)
        #expect(Value.number(4.5).integer == nil)
        #expect(Value.number(1e300).integer == nil)
        #expect(Value.integer(4).number == 4)
        #expect(Value.string("4").integer == nil)
        #expect(Value.bool(true).integer == nil)
    }

    @Test("an object that was wrongly given a key twice is compared without a trap")
    func doubled() {
        let twice = ValueObject(distinct: [("a", 1), ("e\u{301}", 2), ("\u{E9}", 2)])
        let other = ValueObject(distinct: [("\u{E9}", 2), ("a", 1), ("e\u{301}", 2)])
        #expect(twice == other)
        #expect(twice != ["a": 1, "b": 2, "c": 3])
    }
}
