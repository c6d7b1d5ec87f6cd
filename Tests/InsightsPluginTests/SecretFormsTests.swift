import Foundation
import InsightsPlugin
import Testing

@Suite("The forms of a secret")
struct SecretFormsTests {
    private static let token = "ghp_Planted0Token1That2Nobody3May4See"
    private let forms = SecretForms([token])

    @Test("It is found as it is, in any case, as hexadecimal and percent-encoded")
    func plain() {
        let token = Self.token
        let hex = token.utf8.map { String($0, radix: 16) }
        let percent = hex.map { "%\($0)" }.joined()
        for form in [token, token.lowercased(), token.uppercased(), hex.joined(), hex.joined().uppercased(), percent] {
            #expect(forms.replaced(in: "a \(form) b") == "a *** b", "\(form)")
            #expect(forms.occur(in: "x\(form)") && forms.occur(in: Array("x\(form)y".utf8)))
        }
        for other in ["", "ghp_", String(token.dropLast()), String(token.reversed())] {
            #expect(forms.replaced(in: other) == other && !forms.occur(in: other))
        }
    }

    @Test("It is found in base64, whatever stands before and behind it", arguments: 0..<9)
    func base64(offset: Int) {
        let text = String(repeating: "u", count: offset) + Self.token
        for tail in ["", ":", "::", ":x-oauth-basic"] {
            let encoded = Data((text + tail).utf8).base64EncodedString()
            for form in [encoded, encoded.lowercased(), encoded.filter { $0 != "=" }] {
                let cleaned = forms.replaced(in: "/x/\(form)?y")
                #expect(cleaned.contains("***") && cleaned.utf8.count < 40 + offset * 2, "\(cleaned)")
            }
        }
    }

    @Test("Both alphabets of base64, and what has to be percent-encoded")
    func alphabets() {
        let secret = "p>w?d~ü\u{FF}~>~?~>"
        let forms = SecretForms([secret])
        let encoded = Data(secret.utf8).base64EncodedString()
        #expect(encoded.contains("+") || encoded.contains("/"))
        let url = encoded.replacing("+", with: "-").replacing("/", with: "_")
        for form in [secret, encoded, url] { #expect(forms.occur(in: form), "\(form)") }
        #expect(forms.occur(in: "p%3Ew%3Fd~%C3%BC%C3%BF~%3E~%3F~%3E"))
        #expect(forms.occur(in: "p%3ew%3fd~%c3%bc%c3%bf~%3e~%3f~%3e"))
    }

    @Test("A short one is found as it is alone")
    func short() {
        let forms = SecretForms(["Pass", "Password1"])
        #expect(forms.replaced(in: "Password1 Pass pass PASSWORD1") == "*** *** pass PASSWORD1")
        #expect(!forms.occur(in: Data("Pass".utf8).base64EncodedString()))
        #expect(forms.occur(in: Data("Password1".utf8).base64EncodedString()))
    }

    @Test("No secret, nothing to find; and no printing tells one")
    func none() {
        #expect(SecretForms([""]).isEmpty && !SecretForms([]).occur(in: "anything"))
        var dumped = ""
        dump(forms, to: &dumped)
        let printed = "\(forms) \(String(reflecting: forms)) \(dumped)"
        #expect(!printed.contains("ghp") && !printed.contains("103"))
    }
}
