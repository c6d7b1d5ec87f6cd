internal import InsightsPlugin

/// The branches and tags of a repository, and what HEAD names.
struct GitReferences: Sendable {
    /// Commits by full name: `refs/heads/…`, the remote `origin`'s branches, and what HEAD names.
    private var commits: [String: String] = [:]
    private let head: GitFolder.Head
    /// How many tags there are.
    private(set) var tags = 0

    /// Reads them.
    init(_ view: GitView) async throws {
        var patterns = ["refs/heads", "refs/remotes/origin", "refs/tags"]
        if case .branch(let name) = view.folder.head { patterns.append(name) }
        let listing = try await view.output(["for-each-ref", "--format=%(objectname) %(refname)"] + patterns)
        self.init(listing: listing, head: view.folder.head)
    }

    /// - Parameter listing: A line a reference: id, blank, name.
    init(listing: [UInt8], head: GitFolder.Head) {
        self.head = head
        for line in listing.split(separator: UInt8(ascii: "\n")) {
            guard let blank = line.firstIndex(of: UInt8(ascii: " ")) else { continue }
            let name = line[(blank + 1)...]
            if name.starts(with: GitReferences.tagPrefix) {
                tags += 1
            } else {
                commits[repairedText(name)] = repairedText(line[..<blank])
            }
        }
    }

    private static let tagPrefix = Array("refs/tags/".utf8)

    /// The short names of the branches, sorted.
    var branchNames: [String] {
        commits.keys.filter { $0.hasPrefix("refs/heads/") }.map { String($0.dropFirst(11)) }.sorted()
    }

    /// The commit that HEAD names; `nil` when its branch has none yet.
    var headCommit: String? {
        switch head {
        case .commit(let id): id
        case .branch(let name): commits[name]
        }
    }

    /// The commits to count from, sorted and each once; none in an empty repository.
    ///
    /// - Parameters:
    ///   - branch: The one branch asked for; of the repository itself, else of its remote `origin`.
    ///   - label: The repository, for messages.
    /// - Throws: ``RunFailure`` `branch_not_found` when that is not there, or HEAD names a branch that is
    ///   not there although others are.
    func tips(branch: String?, _ branches: ActivityParameters.Branches, label: String) throws(RunFailure) -> [String] {
        if let branch {
            guard let tip = commits["refs/heads/" + branch] ?? commits["refs/remotes/origin/" + branch] else {
                throw GitFailure.noSuchBranch(label, branch, branchNames)
            }
            return [tip]
        }
        if branches == .all, !branchNames.isEmpty {
            return Set(branchNames.compactMap { commits["refs/heads/" + $0] }).sorted()
        }
        if let headCommit { return [headCommit] }
        guard case .branch(let name) = head, !branchNames.isEmpty else { return [] }
        throw GitFailure.unbornHead(label, name, branchNames)
    }
}
