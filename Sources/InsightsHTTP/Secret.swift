private import Crypto

/// A secret that can be compared and never shown: only its SHA-256 digest is kept.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The least number of characters of an admin token.
    package static let minimumLength = 16

    /// In characters: what a check of the minimum needs.
    package let length: Int
    private let digest: SHA256.Digest

    package init(_ text: String) {
        length = text.count
        digest = SHA256.hash(data: Array(text.utf8))
    }

    /// Whether `candidate` is the secret.
    ///
    /// Digests are compared, in constant time as swift-crypto promises, so that the time tells neither the length nor
    /// the place of the first difference.
    package func matches(_ candidate: some Sequence<UInt8>) -> Bool {
        digest == SHA256.hash(data: Array(candidate))
    }

    package var description: String { "***" }
    package var debugDescription: String { "***" }
    /// Has no children: `dump` shows nothing either.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
