/// A binary heap, smallest first: half the moves of a min-max heap, which is what the standing queue of a
/// million tasks is made for.
struct MinHeap<Element: Comparable & Sendable>: Sendable {
    private(set) var elements: [Element]

    init() { elements = [] }

    /// - Complexity: O(*n*).
    init(heapifying elements: [Element]) {
        self.elements = elements
        guard elements.count > 1 else { return }
        for index in stride(from: elements.count / 2 - 1, through: 0, by: -1) { sink(index) }
    }

    var first: Element? { elements.first }
    var isEmpty: Bool { elements.isEmpty }

    mutating func insert(_ element: Element) {
        elements.append(element)
        var index = elements.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard element < elements[parent] else { break }
            elements[index] = elements[parent]
            index = parent
        }
        elements[index] = element
    }

    mutating func removeFirst() {
        let last = elements.removeLast()
        if !elements.isEmpty { replaceFirst(with: last) }
    }

    mutating func replaceFirst(with element: Element) {
        elements[0] = element
        sink(0)
    }

    private mutating func sink(_ start: Int) {
        elements.withUnsafeMutableBufferPointer { elements in
            let element = elements[start]
            var index = start
            while true {
                var child = 2 * index + 1
                guard child < elements.count else { break }
                if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
                guard elements[child] < element else { break }
                elements[index] = elements[child]
                index = child
            }
            elements[index] = element
        }
    }
}

/// When a task's next occurrence, jitter included, is due; ties go by the task's index, so that one seed
/// gives one order.
struct DueEntry: Comparable, Sendable {
    /// Milliseconds of wall time.
    var due: Int64
    var task: Int32

    static func < (lhs: DueEntry, rhs: DueEntry) -> Bool {
        lhs.due != rhs.due ? lhs.due < rhs.due : lhs.task < rhs.task
    }
}

/// A run that needs nothing but a place: higher priority first, then the older instant, then first come.
struct ReadyEntry: Comparable, Sendable {
    var priority: Int32
    var slot: Int32
    var scheduledAt: Int64
    var sequence: UInt32
    /// Tells an entry whose run was cancelled meanwhile.
    var generation: UInt32

    static func < (lhs: ReadyEntry, rhs: ReadyEntry) -> Bool {
        if lhs.priority != rhs.priority { return lhs.priority > rhs.priority }
        if lhs.scheduledAt != rhs.scheduledAt { return lhs.scheduledAt < rhs.scheduledAt }
        return lhs.sequence < rhs.sequence
    }
}

/// One timer a run: its deadline, the end of our patience with cancelled code, or its next attempt.
///
/// Timers are taken back far more often than they fire, so each slot's place in the heap is known.
struct TimerHeap: Sendable {
    private struct Entry: Sendable {
        /// Milliseconds of uptime.
        var due: Int64
        var slot: Int32
    }

    private var entries: [Entry] = []
    /// By slot; -1 without a timer.
    private var positions: [Int32] = []

    var first: (due: Int64, slot: Int32)? { entries.first.map { ($0.due, $0.slot) } }

    /// Sets or moves the slot's timer.
    mutating func set(_ slot: Int32, due: Int64) {
        while positions.count <= Int(slot) { positions.append(-1) }
        let entry = Entry(due: due, slot: slot)
        let position = positions[Int(slot)]
        if position < 0 {
            entries.append(entry)
            rise(entries.count - 1, entry)
        } else {
            settle(Int(position), entry)
        }
    }

    mutating func remove(_ slot: Int32) {
        guard Int(slot) < positions.count, positions[Int(slot)] >= 0 else { return }
        let position = Int(positions[Int(slot)])
        positions[Int(slot)] = -1
        let last = entries.removeLast()
        if position < entries.count { settle(position, last) }
    }

    private mutating func settle(_ position: Int, _ entry: Entry) {
        if position > 0, entry.due < entries[(position - 1) / 2].due {
            rise(position, entry)
        } else {
            sink(position, entry)
        }
    }

    private mutating func rise(_ start: Int, _ entry: Entry) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard entry.due < entries[parent].due else { break }
            place(entries[parent], at: index)
            index = parent
        }
        place(entry, at: index)
    }

    private mutating func sink(_ start: Int, _ entry: Entry) {
        var index = start
        while true {
            var child = 2 * index + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].due < entries[child].due { child += 1 }
            guard entries[child].due < entry.due else { break }
            place(entries[child], at: index)
            index = child
        }
        place(entry, at: index)
    }

    private mutating func place(_ entry: Entry, at index: Int) {
        entries[index] = entry
        positions[Int(entry.slot)] = Int32(index)
    }
}
