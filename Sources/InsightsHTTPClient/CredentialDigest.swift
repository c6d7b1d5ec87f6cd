internal import Crypto
internal import InsightsPlugin

/// Names a credential without telling it.
enum CredentialDigest {
    /// 64 hex digits, or nothing for no credential.
    static func full(_ credential: HTTP.Credential?) -> String {
        guard let credential else { return "" }
        return digest(["credential", "\(credential.origin)", credential.header, credential.value])
    }

    /// For `/metrics`: enough to tell a few credentials apart, and no way back to them.
    static func short(_ full: String) -> String { full.isEmpty ? "none" : String(full.prefix(8)) }

    /// SHA-256 over texts that cannot run into each other, as hex digits.
    static func digest(_ texts: [String]) -> String {
        var hash = SHA256()
        for text in texts { hash.update(data: Array("\(text.utf8.count):\(text)".utf8)) }
        return hex(hash.finalize())
    }

    static func hex(_ digest: SHA256Digest) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in digest { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
