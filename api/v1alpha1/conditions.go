package v1alpha1

// Condition types of every staged kind.
const (
	// ConditionReady is True when the outputs exist and match the spec.
	ConditionReady = "Ready"
	// ConditionReconciling is True while work is in progress and absent at rest (kstatus).
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when nothing will progress without a change (kstatus).
	ConditionStalled = "Stalled"
	// ConditionSuspended is True when suspend is honoured and no pods remain.
	ConditionSuspended = "Suspended"
	// ConditionComplete is terminal and sticky for status.specDigest.
	ConditionComplete = "Complete"
	// ConditionFailed is terminal and sticky for status.specDigest; Stalled is True with it.
	ConditionFailed = "Failed"
	// ConditionStale is True when an upstream artifact changed after this one was made.
	ConditionStale = "Stale"
	// ConditionStoreReachable is False while pods report that the store does not answer.
	ConditionStoreReachable = "StoreReachable"
)

// Reasons of Ready; the STATUS column prints them.
const (
	// ReasonPending means that nothing was decided yet.
	ReasonPending = "Pending"
	// ReasonWaiting means that something referenced is not there or not ready yet.
	ReasonWaiting = "Waiting"
	// ReasonQueued means that the Job waits for admission by its queue.
	ReasonQueued = "Queued"
	// ReasonFetching means that a data set is being fetched.
	ReasonFetching = "Fetching"
	// ReasonVerifying means that a data set is being verified.
	ReasonVerifying = "Verifying"
	// ReasonTraining means that a population trains.
	ReasonTraining = "Training"
	// ReasonSparsifying means that pods make sparse twins.
	ReasonSparsifying = "Sparsifying"
	// ReasonImporting means that the models of a zoo are read from files.
	ReasonImporting = "Importing"
	// ReasonIndexing means that the finished shards are being indexed.
	ReasonIndexing = "Indexing"
	// ReasonAnalysing means that a population is studied.
	ReasonAnalysing = "Analysing"
	// ReasonCollecting means that the results of the analyses are gathered.
	ReasonCollecting = "Collecting"
	// ReasonSuspending means that pods are still going away after suspend.
	ReasonSuspending = "Suspending"
	// ReasonSuspended means that suspend is honoured.
	ReasonSuspended = "Suspended"
	// ReasonComplete means that the artifact exists and matches the spec.
	ReasonComplete = "Complete"
	// ReasonFailed means that the workload was given up.
	ReasonFailed = "Failed"
	// ReasonDeleting means that the artifacts are being removed.
	ReasonDeleting = "Deleting"
	// ReasonStoreUnavailable means that pods wait for the store to answer.
	ReasonStoreUnavailable = "StoreUnavailable"
)

// Reasons of StoreReachable, Stale and of ArtifactStores.
const (
	// ReasonAvailable means that an ArtifactStore's URL is understood.
	ReasonAvailable = "Available"
	// ReasonStoreAvailable means that the store answers again.
	ReasonStoreAvailable = "StoreAvailable"
	// ReasonUpstreamChanged means that an upstream artifact has another digest than the plan was made with.
	ReasonUpstreamChanged = "UpstreamChanged"
)

// Reasons of Stalled and Failed.
const (
	// ReasonInvalidSpec means that the spec cannot be planned; the message names the field.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonInvalidInput means that a pod found the user's input wrong (exit code 65).
	ReasonInvalidInput = "InvalidInput"
	// ReasonStoreNotFound means that the named ArtifactStore does not exist.
	ReasonStoreNotFound = "StoreNotFound"
	// ReasonStoreNotAllowed means that the ArtifactStore does not admit this namespace.
	ReasonStoreNotAllowed = "StoreNotAllowed"
	// ReasonDatasetNotFound means that the named Dataset does not exist.
	ReasonDatasetNotFound = "DatasetNotFound"
	// ReasonDatasetFailed means that the Dataset failed and will not become ready.
	ReasonDatasetFailed = "DatasetFailed"
	// ReasonZooNotFound means that the named ModelZoo does not exist.
	ReasonZooNotFound = "ZooNotFound"
	// ReasonZooFailed means that the ModelZoo failed and will not become ready.
	ReasonZooFailed = "ZooFailed"
	// ReasonHostNotAllowed means that a source's host is not among those the admin allows.
	ReasonHostNotAllowed = "HostNotAllowed"
	// ReasonImageNotAllowed means that the runtime image is not among those the admin allows.
	ReasonImageNotAllowed = "ImageNotAllowed"
	// ReasonInsufficientMemory means that compute.memory is below what the plan needs.
	ReasonInsufficientMemory = "InsufficientMemory"
	// ReasonOutOfMemory means that a pod was killed for memory.
	ReasonOutOfMemory = "OutOfMemory"
	// ReasonShardsFailed means that more shards failed than allowed.
	ReasonShardsFailed = "ShardsFailed"
	// ReasonIncomplete means that work stayed missing in the store after several attempts (exit code 69).
	ReasonIncomplete = "Incomplete"
	// ReasonNoResult means that the last stage ended well but left no readable result, several times.
	ReasonNoResult = "NoResult"
	// ReasonNameConflict means that a child object of that name belongs to somebody else.
	ReasonNameConflict = "NameConflict"
)

// Labels and annotations that Weightspace writes or reads.
const (
	// LabelKind is the kind of the owning object, on every child.
	LabelKind = "weightspace.dev/kind"
	// LabelName is the name of the owning object, on every child.
	LabelName = "weightspace.dev/name"
	// LabelOwnerUID is the UID of the owning object, on every child.
	LabelOwnerUID = "weightspace.dev/owner-uid"
	// LabelStage is the stage a Job or pod runs.
	LabelStage = "weightspace.dev/stage"
	// LabelPlan is the short digest of the plan a child belongs to.
	LabelPlan = "weightspace.dev/plan"
	// LabelAttempt is the attempt of the stage.
	LabelAttempt = "weightspace.dev/attempt"
	// LabelQueueName is Kueue's label for the LocalQueue.
	LabelQueueName = "kueue.x-k8s.io/queue-name"
	// AnnotationDefaultStore marks the ArtifactStore used when none is named ("true").
	AnnotationDefaultStore = "weightspace.dev/is-default-store"
	// FinalizerArtifacts holds an object with deletionPolicy Delete until its artifacts are gone.
	FinalizerArtifacts = "weightspace.dev/artifacts"
	// ManagerName is the value of spec.managedBy that means this operator.
	ManagerName = "weightspace.dev/manager"
)
