internal import InsightsEngine

/// A request as its row has it.
struct StoredRequest {
    var kind: Int
    var task: String?
    var dependents = false
    var batch = false
    var run: RunID?

    init(kind: Int, task: String?, dependents: Bool, batch: Bool, run: RunID?) {
        self.kind = kind
        self.task = task
        self.dependents = dependents
        self.batch = batch
        self.run = run
    }

    init(_ request: Request.Kind) {
        switch request {
        case .run(let task, let dependents, let batch):
            self.init(kind: 0, task: task, dependents: dependents, batch: batch, run: nil)
        case .cancel(let run): self.init(kind: 1, task: nil, dependents: false, batch: false, run: run)
        case .pausesChanged: self.init(kind: 2, task: nil, dependents: false, batch: false, run: nil)
        case .reload: self.init(kind: 3, task: nil, dependents: false, batch: false, run: nil)
        case .release(let task): self.init(kind: 4, task: task, dependents: false, batch: false, run: nil)
        }
    }

    /// `nil` for a kind that a newer program asks for.
    var request: Request.Kind? {
        switch kind {
        case 0: .run(task: task ?? "", dependents: dependents, batch: batch)
        case 1: run.map(Request.Kind.cancel)
        case 2: .pausesChanged
        case 3: .reload
        case 4: .release(task: task ?? "")
        default: nil
        }
    }
}
