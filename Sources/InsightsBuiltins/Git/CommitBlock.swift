/// Commits whose changes one git process counts.
struct CommitBlock: Sendable {
    /// The ids, a line each: what `git diff-tree --stdin` reads.
    private(set) var input: [UInt8] = []
    /// The days of the commits, in the order of ``input``.
    private(set) var days: [UTCDay] = []

    /// Adds a commit; all ids of a repository are of one length.
    mutating func append(_ id: ArraySlice<UInt8>, _ day: UTCDay) {
        input += id
        input.append(UInt8(ascii: "\n"))
        days.append(day)
    }

    /// How many commits.
    var count: Int { days.count }

    /// The same commits in blocks of `size`, the last one smaller.
    func cut(every size: Int) -> [CommitBlock] {
        guard count > 0 else { return [] }
        let width = input.count / count
        return stride(from: 0, to: count, by: size).map { start in
            let end = min(start + size, count)
            return CommitBlock(input: Array(input[(start * width)..<(end * width)]), days: Array(days[start..<end]))
        }
    }

    /// The id of the commit at `index`.
    func id(at index: Int) -> ArraySlice<UInt8> {
        let width = input.count / days.count
        return input[(index * width)..<((index + 1) * width - 1)]
    }
}

/// Lines added and deleted.
struct LineCount: Hashable, Sendable {
    var added = 0
    var deleted = 0

    static func += (lhs: inout LineCount, rhs: LineCount) {
        lhs.added += rhs.added
        lhs.deleted += rhs.deleted
    }
}

/// Reads what `git diff-tree --stdin --numstat` prints of a block of commits.
///
/// Of each commit that changes something come its id on a line, then a line a file: added, tab, deleted, tab,
/// name, where a binary file has `-` twice. A name with a tab or a newline is quoted, so a line is a line.
struct LineCounter {
    private let block: CommitBlock
    private var splitter = LineSplitter(limit: 1 << 20)
    private var next = 0
    private var day: UTCDay?
    private var isWithinLine = false

    /// Lines by day.
    private(set) var counts: [UTCDay: LineCount] = [:]
    /// How many commits are done.
    var done: Int { next }

    init(_ block: CommitBlock) { self.block = block }

    /// Takes a piece of output.
    ///
    /// - Throws: ``Unexpected`` when it is not about the block's commits, in their order.
    mutating func take(_ bytes: [UInt8]) throws(Unexpected) {
        var lines = splitter
        do {
            try lines.feed(bytes) { piece in try take(piece) }
        } catch let error as Unexpected {
            throw error
        } catch {
            throw Unexpected()
        }
        splitter = lines
    }

    /// The output is of another kind than git has printed since 2005.
    struct Unexpected: Error {}

    private mutating func take(_ piece: LineSplitter.Piece) throws {
        switch piece {
        case .part(let bytes):
            // Only the name can be that long; what counts stands before it.
            if !isWithinLine { try take(line: bytes) }
            isWithinLine = true
        case .line(let bytes):
            if !isWithinLine { try take(line: bytes) }
            isWithinLine = false
        }
    }

    private mutating func take(line: ArraySlice<UInt8>) throws {
        guard let tab = line.firstIndex(of: UInt8(ascii: "\t")) else { return try begin(line) }
        guard let day else { throw Unexpected() }
        let rest = line[(tab + 1)...]
        let end = rest.firstIndex(of: UInt8(ascii: "\t")) ?? rest.endIndex
        counts[day, default: LineCount()] += LineCount(
            added: LineCounter.number(line[..<tab]), deleted: LineCounter.number(rest[..<end]))
    }

    /// A commit's turn: those between the last one and it changed nothing.
    private mutating func begin(_ id: ArraySlice<UInt8>) throws {
        while next < block.count {
            defer { next += 1 }
            if block.id(at: next) == id {
                day = block.days[next]
                return
            }
        }
        throw Unexpected()
    }

    /// A count, or 0 for the `-` of a binary file.
    private static func number(_ digits: ArraySlice<UInt8>) -> Int {
        digits.reduce(0) { (0x30...0x39).contains($1) ? $0 &* 10 &+ Int($1 - 0x30) : $0 }
    }
}
