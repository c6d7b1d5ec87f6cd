import InsightsEngine
import InsightsPlugin
import Testing

@Suite("Secrets are replaced")
struct RedactorTests {
    @Test(
        "wherever they stand, byte for byte, the longer first",
        arguments: [
            ("a secret here", "a *** here"), ("secret", "***"), ("secretsecret", "******"), ("secret1", "***"),
            ("secret\u{301}", "***\u{301}"), ("\u{1F468}\u{200D}secret", "\u{1F468}\u{200D}***"), ("secre", "secre"),
            ("sesecret", "se***"), ("", ""), ("pin 12", "pin ***"), ("a\0b", "a\u{FFFD}b"),
        ])
    func text(_ text: String, _ expected: String) {
        let cleaned = Redactor(["secret", "secret1", "12", ""]).clean(text)
        #expect(cleaned.unicodeScalars.elementsEqual(expected.unicodeScalars))
    }

    @Test(
        "in the forms in which a server may send them back",
        arguments: ["s3cret-t0ken-0f-a-run", "S3CRET-T0KEN-0F-A-RUN", "czNjcmV0LXQwa2VuLTBmLWEtcnVu"])
    func forms(form: String) {
        #expect(Redactor(["s3cret-t0ken-0f-a-run"]).clean("https://h/x/\(form)/y") == "https://h/x/***/y")
    }

    @Test("in every text of a value, keys too")
    func value() {
        let value: Value = ["secret": ["a secret", 1], "b": ["c": "secret"]]
        #expect(Redactor(["secret"]).clean(value) == ["***": ["a ***", 1], "b": ["c": "***"]])
    }
}
