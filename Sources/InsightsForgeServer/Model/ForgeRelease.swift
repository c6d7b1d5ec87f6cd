package import InsightsPlugin

/// A release with its files.
package struct ForgeRelease: Sendable {
    /// The forge's own number, unique within the server.
    package internal(set) var id: Int64 = 0
    /// The tag it was made from.
    package var tag: String
    /// Whether it is not published: only those who may push see it.
    package var isDraft: Bool
    /// Whether it is not yet meant for all.
    package var isPrerelease: Bool
    /// How often each file was loaded, in the order of the files.
    package var downloads: [Int]
    /// When it was made; `nil` for when it was added.
    package var createdAt: Instant?

    /// Creates a release; one file for each number of `downloads`.
    package init(
        tag: String, isDraft: Bool = false, isPrerelease: Bool = false, downloads: [Int] = [], createdAt: Instant? = nil
    ) {
        self.tag = tag
        self.isDraft = isDraft
        self.isPrerelease = isPrerelease
        self.downloads = downloads
        self.createdAt = createdAt
    }
}
