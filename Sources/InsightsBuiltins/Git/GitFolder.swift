internal import InsightsPlugin

/// A repository of this machine, found without asking git: what git is told of it is decided here.
struct GitFolder: Hashable, Sendable {
    /// What HEAD says.
    enum Head: Hashable, Sendable {
        /// A full name, such as `refs/heads/main`.
        case branch(String)
        /// Detached: a commit's id.
        case commit(String)
    }

    /// The folder with `config`, `objects` and `refs`: of a linked working tree, that of the main one.
    let common: String
    let head: Head
    /// The contents of `shallow`; empty when the history is whole.
    let shallow: [UInt8]

    /// How many commits stand at the edge of a history that was cut; 0 when it is whole.
    var shallowEdges: Int { shallow.count { $0 == UInt8(ascii: "\n") } }

    /// Finds the repository of a folder: `.git` in it, a `.git` file that points elsewhere, or the folder
    /// itself when it is bare. A folder *within* a working tree is refused: measuring the repository around
    /// it would be a surprise.
    ///
    /// - Throws: ``RunFailure`` `repository_not_found`, `not_a_repository`, `permission` or
    ///   `corrupt_repository`.
    init(_ path: String) throws(RunFailure) {
        switch LocalFile.kind(path) {
        case .missing: throw GitFailure.missing(path)
        case .forbidden: throw GitFailure.forbidden(path)
        case .file: throw GitFailure.notARepository(path, nil)
        case .folder: break
        }
        let gitFolder = try GitFolder.gitFolder(of: path)
        var common = gitFolder
        if let text = LocalFile.read(gitFolder + "/commondir", limit: 8192) {
            common = GitFolder.resolve(LocalFile.firstLine(text), from: gitFolder)
        }
        switch LocalFile.kind(common + "/objects") {
        case .folder: break
        case .forbidden: throw GitFailure.forbidden(common + "/objects")
        case .missing, .file: throw GitFailure.corrupt(path, "it has no folder \"objects\"")
        }
        guard let head = try GitFolder.head(of: gitFolder) else {
            throw GitFailure.corrupt(path, "its HEAD is neither the name of a branch nor a commit")
        }
        self.common = common
        self.head = head
        shallow = LocalFile.read(common + "/shallow") ?? []
    }

    private static func gitFolder(of path: String) throws(RunFailure) -> String {
        let inner = path + "/.git"
        switch LocalFile.kind(inner) {
        case .folder: return inner
        case .forbidden: throw GitFailure.forbidden(inner)
        case .file:
            let line = LocalFile.firstLine(LocalFile.read(inner, limit: 8192) ?? [])
            guard line.hasPrefix("gitdir: ") else {
                throw GitFailure.corrupt(path, "its .git is a file that names no folder")
            }
            let target = resolve(String(line.dropFirst(8)), from: path)
            guard LocalFile.kind(target) == .folder else {
                throw GitFailure.corrupt(path, "its .git names \"\(target)\", which is not there")
            }
            return target
        case .missing: break
        }
        // A damaged one may lack HEAD, but not its other two marks.
        if LocalFile.kind(path + "/objects") == .folder, LocalFile.kind(path + "/refs") == .folder { return path }
        throw GitFailure.notARepository(path, surroundingRepository(of: path))
    }

    private static func surroundingRepository(of path: String) -> String? {
        var folder = path[...]
        while let slash = folder.lastIndex(of: "/"), slash > folder.startIndex {
            folder = folder[..<slash]
            if LocalFile.kind(folder + "/.git") != .missing { return String(folder) }
        }
        return nil
    }

    private static func head(of gitFolder: String) throws(RunFailure) -> Head? {
        let file = gitFolder + "/HEAD"
        // As git wrote it twenty years ago: a link to the branch.
        if let target = LocalFile.link(file), target.hasPrefix("refs/") { return branch(target) }
        guard let bytes = LocalFile.read(file, limit: 8192) else {
            if LocalFile.kind(file) == .missing { return nil }
            throw GitFailure.forbidden(file)
        }
        let line = LocalFile.firstLine(bytes)
        if line.hasPrefix("ref:") { return branch(String(line.dropFirst(4).drop { $0 == " " })) }
        return GitFolder.isObjectID(line) ? .commit(line) : nil
    }

    private static func branch(_ name: String) -> Head? {
        let isProper = name.hasPrefix("refs/") && !name.contains("..") && !name.contains("*")
        return isProper ? .branch(name) : nil
    }

    /// Whether a text is a whole object id: SHA-1 or SHA-256 in lower-case hexadecimal.
    static func isObjectID(_ text: some StringProtocol) -> Bool {
        (text.utf8.count == 40 || text.utf8.count == 64)
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static func resolve(_ path: String, from folder: String) -> String {
        path.hasPrefix("/") ? path : folder + "/" + path
    }
}
