package import InsightsPlugin

/// Who owns repositories: an organisation, a user, or a GitLab group.
package struct ForgeAccount: Sendable {
    /// What an account is; it decides under which routes it is found.
    package enum Kind: Sendable {
        /// GitHub's and Forgejo's organisations.
        case organization
        /// A person.
        case user
        /// A GitLab group; a subgroup's ``ForgeAccount/path`` holds its parents, `acme/tools`.
        case group
    }

    /// The forge's own number, never used again.
    package let id: Int64
    /// What it is.
    package var kind: Kind
    /// The login, or a group's full path, in the spelling it was made with.
    package internal(set) var path: String
    /// What people call it.
    package var name: String
    /// How many follow it.
    package var followers = 0
    /// Members that only a token sees; those of ``publicMembers`` among them.
    package var members = 0
    /// Members that everybody sees.
    package var publicMembers = 0
    /// When it was made.
    package let createdAt: Instant
}
