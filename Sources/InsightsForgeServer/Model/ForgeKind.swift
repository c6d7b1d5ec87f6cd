/// Which forge a server pretends to be, and with it under which paths it answers.
package enum ForgeKind: String, Sendable, CaseIterable {
    /// GitHub Enterprise Server: `/api/v3` and `/api/graphql`, in the shapes of github.com's own API.
    case github
    /// GitLab: `/api/v4`.
    case gitlab
    /// Forgejo: `/api/v1`.
    case forgejo
    /// Gitea, in the same shapes as Forgejo: `/api/v1`.
    case gitea
}
