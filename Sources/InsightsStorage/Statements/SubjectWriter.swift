internal import InsightsEngine
internal import InsightsPlugin

/// Writes subjects: who is who when keys and external ids change.
///
/// An external id is known within its source. Sources number alike, and what tells them apart is the platform that a
/// subject belongs to: two subjects of different platforms are never one, whatever their ids, and neither are one whose
/// platform is known and one that nobody placed yet.
final class SubjectWriter {
    /// Whether what is known of series still holds.
    enum Effect {
        case kept
        /// A key names another subject now, or series have changed hands.
        case moved
    }

    private struct Row {
        var id: Int64
        var key: String
        var name: String?
        var url: String?
        var parent: Int64?
        var state: Int64
        var externalID: String?
    }

    /// Who has made way for another, as it was before.
    private struct Displaced {
        var key: String
        var state: Int64
        /// Its latest event before that, by number.
        var lastEvent: Int64
    }

    /// How far up parents are followed; more than a forge has, and a bound if they form a ring.
    private static let depth = 16

    private let byKey: any PreparedStatement
    private let byAlias: any PreparedStatement
    private let byExternalID: any PreparedStatement
    private let insert: any PreparedStatement
    private let update: any PreparedStatement
    private let setKey: any PreparedStatement
    private let parentOf: any PreparedStatement
    private let addAlias: any PreparedStatement
    private let dropAlias: any PreparedStatement
    private let addEvent: any PreparedStatement
    private let lastEvent: any PreparedStatement
    private let dropEvents: any PreparedStatement
    private let absorb: SubjectMerger
    private let marks: RollUpMarks
    private let transfer: RollUpTransfer
    /// Brings to the marks what series were written meanwhile: while their subject is where it was.
    private let settle: () throws -> Void
    private var known: [SubjectReference: Int64] = [:]
    private var rewritable: Set<String> = []
    /// By subject: those that made way within this payload.
    private var displaced: [Int64: Displaced] = [:]

    /// - Parameter settle: Called before a subject changes hands.
    init(_ source: any StatementSource, _ marks: RollUpMarks, settle: @escaping () throws -> Void) throws {
        self.marks = marks
        self.settle = settle
        let columns = "id, key, name, url, parent_id, state, external_id"
        byKey = try source("SELECT \(columns) FROM subjects WHERE key = ?2 AND kind = ?1")
        byAlias = try source(
            """
            SELECT \(columns) FROM subjects WHERE id = (
                SELECT subject_id FROM aliases WHERE key = ?2 AND kind = ?1 ORDER BY number DESC LIMIT 1)
            """)
        byExternalID = try source(
            "SELECT \(columns) FROM subjects WHERE external_id = ?2 AND kind = ?1 ORDER BY state, id DESC")
        insert = try source(
            """
            INSERT INTO subjects (kind, key, name, url, parent_id, state, external_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            RETURNING id
            """)
        update = try source(
            "UPDATE subjects SET name = ?2, url = ?3, parent_id = ?4, state = ?5, external_id = ?6 WHERE id = ?1")
        setKey = try source("UPDATE subjects SET key = ?2 WHERE id = ?1")
        parentOf = try source("SELECT kind, parent_id FROM subjects WHERE id = ?1")
        addAlias = try source("INSERT INTO aliases (kind, key, subject_id) VALUES (?1, ?2, ?3)")
        dropAlias = try source("DELETE FROM aliases WHERE kind = ?1 AND key = ?2 AND subject_id = ?3")
        addEvent = try source("INSERT INTO subject_events (subject_id, at, event, former_key) VALUES (?1, ?2, ?3, ?4)")
        lastEvent = try source("SELECT COALESCE(MAX(number), 0) FROM subject_events WHERE subject_id = ?1")
        dropEvents = try source("DELETE FROM subject_events WHERE subject_id = ?1 AND number > ?2")
        absorb = try SubjectMerger(source)
        transfer = try RollUpTransfer(source, marks)
    }

    /// Forgets which keys name which subjects, and who has made way.
    ///
    /// - Parameter metrics: Those that the payload may hold.
    func begin(_ metrics: [MetricDeclaration]) {
        known = [:]
        displaced = [:]
        rewritable = Set(metrics.lazy.filter(\.rewritable).map(\.name))
    }

    // MARK: Finding

    /// The subject that a reference names, by its key or else by a former one; made if there is none.
    ///
    /// - Throws: ``Rejection`` `bad_sample` when the reference is malformed.
    func id(of reference: SubjectReference, at: Instant) throws -> Int64 {
        if let id = known[reference] { return id }
        let checked = try SubjectWriter.check(reference)
        let id: Int64
        if let found = try find(byKey, checked.kind, checked.key) ?? find(byAlias, checked.kind, checked.key) {
            id = found.id
        } else {
            id = try create(Subject(kind: checked.kind, key: checked.key), parent: nil, at: at)
        }
        known[reference] = id
        return id
    }

    /// Takes in a subject, new or known.
    ///
    /// - Throws: ``Rejection`` `bad_sample` when a key is malformed or it would be its own parent.
    func apply(_ subject: Subject, at: Instant) throws -> Effect {
        var subject = subject
        subject.externalID = StoredText.clean(subject.externalID)
        if let problem = subject.problem { throw Rejection("bad_sample", problem) }
        let (kind, key) = (subject.reference.kind, subject.reference.key)
        let holder = try find(byKey, kind, key)
        if subject.externalID == nil, holder == nil, let former = try find(byAlias, kind, key) {
            // Who knows it by a former key knows its former parent, name and address: its numbers count, not these.
            known[subject.reference] = former.id
            return .kept
        }
        let parent = try subject.parent.map { try id(of: $0, at: at) }
        guard let externalID = subject.externalID else {
            return try refresh(holder, with: subject, parent: parent, at: at)
        }
        let identified = try identified(externalID, kind: kind, key: key, parent: parent)
        switch (identified, holder) {
        case (let identified?, let holder) where identified.key == key || holder?.id == identified.id:
            return try refresh(identified, with: subject, parent: parent, at: at)
        case (let identified?, let holder):
            let former = try takeBack(identified)
            try rename(identified, called: former?.key, to: subject.reference, from: holder, at: at)
            // It has made way for another, or was gone by its source's word: under its new key it is there again.
            if identified.state == SubjectState.gone.code {
                let isArchived = former?.state == SubjectState.archived.code
                subject.state = subject.state ?? (isArchived ? .archived : .active)
            }
            _ = try refresh(identified, with: subject, parent: parent, knownState: former?.state, at: at)
            known = [:]
            return .moved
        case (nil, let holder?) where holder.externalID == nil || holder.externalID == externalID:
            return try refresh(holder, with: subject, parent: parent, at: at)
        case (nil, let holder?):
            try displace(holder, kind: kind, at: at)
            known = [:]
            _ = try create(subject, parent: parent, at: at)
            return .moved
        case (nil, nil):
            known[subject.reference] = try create(subject, parent: parent, at: at)
            return .kept
        }
    }

    private func find(_ statement: any PreparedStatement, _ kind: String, _ text: String) throws -> Row? {
        statement.bind(1, kind)
        statement.bind(2, text)
        return try statement.first(SubjectWriter.row)
    }

    private static func row(_ found: any PreparedStatement) -> Row {
        Row(
            id: found.integer(0), key: found.text(1), name: found.optionalText(2), url: found.optionalText(3),
            parent: found.optionalInteger(4), state: found.integer(5), externalID: found.optionalText(6))
    }

    /// The subject of that external id on the same platform, or that key; of subjects without any platform, by the id alone.
    private func identified(_ externalID: String, kind: String, key: String, parent: Int64?) throws -> Row? {
        byExternalID.bind(1, kind)
        byExternalID.bind(2, externalID)
        let rows = try byExternalID.all(SubjectWriter.row)
        if let same = rows.first(where: { $0.key == key }) { return same }
        let platform = try platform(above: parent)
        return try rows.first { try self.platform(above: $0.parent) == platform }
    }

    private func platform(above parent: Int64?) throws -> Int64? {
        var next = parent
        for _ in 0..<SubjectWriter.depth {
            guard let id = next else { return nil }
            parentOf.bind(1, id)
            guard let found = try parentOf.first({ (kind: $0.text(0), parent: $0.optionalInteger(1)) }) else {
                return nil
            }
            if found.kind == "platform" { return id }
            next = found.parent
        }
        return nil
    }

    // MARK: Changing

    private func create(_ subject: Subject, parent: Int64?, at: Instant) throws -> Int64 {
        insert.bind(1, subject.reference.kind)
        insert.bind(2, subject.reference.key)
        insert.bind(3, StoredText.clean(subject.name))
        insert.bind(4, StoredText.clean(subject.url))
        insert.bind(5, parent)
        let state = subject.state ?? .active
        insert.bind(6, state.code)
        insert.bind(7, subject.externalID)
        let id = try insert.first { $0.integer(0) } ?? 0
        if state != .active { try note(id, state.rawValue, at: at) }
        return id
    }

    /// Brings a known subject up to date, or makes it; what the source does not say stays as it is.
    ///
    /// - Parameter knownState: What its latest event says of it, where that is not the row's.
    private func refresh(
        _ row: Row?, with subject: Subject, parent: Int64?, knownState: Int64? = nil, at: Instant
    ) throws -> Effect {
        guard let row else {
            known[subject.reference] = try create(subject, parent: parent, at: at)
            return .kept
        }
        guard parent != row.id else {
            throw Rejection("bad_sample", "subject \(subject.reference.key) cannot be its own parent")
        }
        let name = StoredText.clean(subject.name) ?? row.name
        let url = StoredText.clean(subject.url) ?? row.url
        let state = subject.state?.code ?? row.state
        let externalID = subject.externalID ?? row.externalID
        if let told = subject.state, state != knownState ?? row.state { try note(row.id, told.rawValue, at: at) }
        if name != row.name || url != row.url || parent ?? row.parent != row.parent || state != row.state
            || externalID != row.externalID
        {
            if let parent, parent != row.parent { try settle() }
            update.bind(1, row.id)
            update.bind(2, name)
            update.bind(3, url)
            update.bind(4, parent ?? row.parent)
            update.bind(5, state)
            update.bind(6, externalID)
            try update.post()
            try markRollUps(row, parent: parent ?? row.parent, state: state, at: at)
        }
        known[subject.reference] = row.id
        return .kept
    }

    /// Gives a subject the key under which its source knows it now; the old one stays as an alias.
    ///
    /// Who holds that key makes way. A holder without an external id was the same thing, met under its new key
    /// by somebody who did not know its id: what was stored of it is joined to the subject's own.
    ///
    /// - Parameter former: The key that it is known by, where that is not the row's.
    private func rename(
        _ row: Row, called former: String?, to new: SubjectReference, from holder: Row?, at: Instant
    ) throws {
        if let holder {
            try displace(holder, kind: new.kind, at: at)
            if holder.externalID == nil {
                try absorb(holder.id, into: row.id, rewritable, at: at)
                for changed in [holder.parent, row.parent, row.id] { try marks.changedBelow(changed) }
            }
        }
        setKey.bind(1, row.id)
        setKey.bind(2, new.key)
        try setKey.post()
        let former = former ?? row.key
        guard former != new.key else { return }
        for (statement, key) in [(dropAlias, new.key), (dropAlias, former), (addAlias, former)] {
            statement.bind(1, new.kind)
            statement.bind(2, key)
            statement.bind(3, row.id)
            try statement.post()
        }
        try note(row.id, "renamed", formerKey: former, at: at)
    }

    /// Forgets that a subject made way, if it did so within this payload: the two have changed their keys with each other,
    /// or further ones in a ring, and none of them was gone for a moment.
    ///
    /// - Returns: What it was before.
    private func takeBack(_ row: Row) throws -> Displaced? {
        guard let former = displaced.removeValue(forKey: row.id) else { return nil }
        dropEvents.bind(1, row.id)
        dropEvents.bind(2, former.lastEvent)
        try dropEvents.post()
        return former
    }

    /// Makes way for a newcomer: the former holder of a key is gone, under a key that tells it apart for good.
    private func displace(_ holder: Row, kind: String, at: Instant) throws {
        // In lower case as every key: it is asked for in any.
        var key = "\(holder.key)#\(holder.externalID ?? String(holder.id))".lowercased()
        if try find(byKey, kind, key) != nil { key += "#\(holder.id)" }
        // Twice within a payload: it is the first time that counts.
        if holder.externalID != nil, displaced[holder.id] == nil {
            lastEvent.bind(1, holder.id)
            let last = try lastEvent.first { $0.integer(0) } ?? 0
            displaced[holder.id] = Displaced(key: holder.key, state: holder.state, lastEvent: last)
        }
        setKey.bind(1, holder.id)
        setKey.bind(2, key)
        try setKey.post()
        try note(holder.id, "renamed", formerKey: holder.key, at: at)
        guard holder.state != SubjectState.gone.code else { return }
        update.bind(1, holder.id)
        update.bind(2, holder.name)
        update.bind(3, holder.url)
        update.bind(4, holder.parent)
        update.bind(5, SubjectState.gone.code)
        update.bind(6, holder.externalID)
        try update.post()
        try note(holder.id, SubjectState.gone.rawValue, at: at)
        try markRollUps(holder, parent: holder.parent, state: SubjectState.gone.code, at: at)
    }

    /// Notes which sums a subject has come to or left.
    private func markRollUps(_ row: Row, parent: Int64?, state: Int64, at: Instant) throws {
        let gone = SubjectState.gone.code
        if parent != row.parent, state != gone, row.state != gone {
            try transfer.move(row.id, from: row.parent, to: parent)
        } else if parent != row.parent {
            try marks.changedBelow(row.parent)
            try marks.changedBelow(parent)
        } else if state != row.state {
            if state == gone { try marks.changedBelow(parent, from: Day.number(of: at)) }
            if row.state == gone { try marks.changedBelow(parent) }
        }
    }

    private func note(_ subject: Int64, _ event: String, formerKey: String? = nil, at: Instant) throws {
        addEvent.bind(1, subject)
        addEvent.bind(2, at.milliseconds)
        addEvent.bind(3, event)
        addEvent.bind(4, formerKey)
        try addEvent.post()
    }

    // MARK: Checking

    private static func check(_ reference: SubjectReference) throws -> SubjectReference {
        if let problem = reference.problem { throw Rejection("bad_sample", problem) }
        return reference
    }
}
