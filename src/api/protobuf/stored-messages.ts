// Made by tools/protobuf/generate.ts from the Go types of k8s.io/api; do not edit. Notation: messages.ts.
// Kinds that are stored as they come, but which upstream's controllers write, and its server stores, as protobuf.

export const STORED_MESSAGES: Readonly<Record<string, string>> = {
  'core/v1': `
    LimitRange{metadata:ObjectMeta spec:LimitRangeSpec}
    PersistentVolume{metadata:ObjectMeta spec:PersistentVolumeSpec status:PersistentVolumeStatus}
    PodTemplate{metadata:ObjectMeta template:PodTemplateSpec}
    TopologySelectorTerm{matchLabelExpressions:TopologySelectorLabelRequirement*}
    LimitRangeSpec{limits!:LimitRangeItem*}
    PersistentVolumeSpec{capacity:map:Quantity persistentVolumeSource:PersistentVolumeSource accessModes* claimRef?:ObjectReference persistentVolumeReclaimPolicy storageClassName mountOptions* volumeMode? nodeAffinity?:VolumeNodeAffinity volumeAttributesClassName?}
    PersistentVolumeStatus{phase message reason lastPhaseTransitionTime?:Time}
    TopologySelectorLabelRequirement{key! values!*}
    LimitRangeItem{type! max:map:Quantity min:map:Quantity default:map:Quantity defaultRequest:map:Quantity maxLimitRequestRatio:map:Quantity}
    PersistentVolumeSource{gcePersistentDisk?:GCEPersistentDiskVolumeSource awsElasticBlockStore?:AWSElasticBlockStoreVolumeSource hostPath?:HostPathVolumeSource glusterfs?:GlusterfsPersistentVolumeSource nfs?:NFSVolumeSource rbd?:RBDPersistentVolumeSource iscsi?:ISCSIPersistentVolumeSource cinder?:CinderPersistentVolumeSource cephfs?:CephFSPersistentVolumeSource fc?:FCVolumeSource flocker?:FlockerVolumeSource flexVolume?:FlexPersistentVolumeSource azureFile?:AzureFilePersistentVolumeSource vsphereVolume?:VsphereVirtualDiskVolumeSource quobyte?:QuobyteVolumeSource azureDisk?:AzureDiskVolumeSource photonPersistentDisk?:PhotonPersistentDiskVolumeSource portworxVolume?:PortworxVolumeSource scaleIO?:ScaleIOPersistentVolumeSource local?:LocalVolumeSource storageos?:StorageOSPersistentVolumeSource csi?:CSIPersistentVolumeSource}
    VolumeNodeAffinity{required?:NodeSelector}
    GlusterfsPersistentVolumeSource{endpoints! path! readOnly:b endpointsNamespace?}
    RBDPersistentVolumeSource{monitors!* image! fsType pool user keyring secretRef?:SecretReference readOnly:b}
    ISCSIPersistentVolumeSource{targetPortal! iqn! lun!:i iscsiInterface fsType readOnly:b portals* chapAuthDiscovery:b 10secretRef?:SecretReference chapAuthSession:b initiatorName?}
    CinderPersistentVolumeSource{volumeID! fsType readOnly:b secretRef?:SecretReference}
    CephFSPersistentVolumeSource{monitors!* path user secretFile secretRef?:SecretReference readOnly:b}
    FlexPersistentVolumeSource{driver! fsType secretRef?:SecretReference readOnly:b options:map}
    AzureFilePersistentVolumeSource{secretName! shareName! readOnly:b secretNamespace?!}
    ScaleIOPersistentVolumeSource{gateway! system! secretRef?!:SecretReference sslEnabled:b protectionDomain storagePool storageMode volumeName fsType readOnly:b}
    LocalVolumeSource{path! fsType?}
    StorageOSPersistentVolumeSource{volumeName volumeNamespace fsType readOnly:b secretRef?:ObjectReference}
    CSIPersistentVolumeSource{driver! volumeHandle! readOnly:b fsType volumeAttributes:map controllerPublishSecretRef?:SecretReference nodeStageSecretRef?:SecretReference nodePublishSecretRef?:SecretReference controllerExpandSecretRef?:SecretReference nodeExpandSecretRef?:SecretReference}
    SecretReference{name namespace}
  `,
  'autoscaling/v2': `
    HorizontalPodAutoscaler{metadata:ObjectMeta spec:HorizontalPodAutoscalerSpec status:HorizontalPodAutoscalerStatus}
    HorizontalPodAutoscalerSpec{scaleTargetRef!:CrossVersionObjectReference minReplicas?:i maxReplicas!:i metrics:MetricSpec* behavior?:HorizontalPodAutoscalerBehavior}
    HorizontalPodAutoscalerStatus{observedGeneration?:i lastScaleTime?:Time currentReplicas:i desiredReplicas!:i currentMetrics!:MetricStatus* conditions:HorizontalPodAutoscalerCondition*}
    CrossVersionObjectReference{kind! name! apiVersion}
    MetricSpec{type! object?:ObjectMetricSource pods?:PodsMetricSource resource?:ResourceMetricSource external?:ExternalMetricSource 7containerResource?:ContainerResourceMetricSource}
    HorizontalPodAutoscalerBehavior{scaleUp?:HPAScalingRules scaleDown?:HPAScalingRules}
    MetricStatus{type! object?:ObjectMetricStatus pods?:PodsMetricStatus resource?:ResourceMetricStatus external?:ExternalMetricStatus 7containerResource?:ContainerResourceMetricStatus}
    HorizontalPodAutoscalerCondition{type! status! lastTransitionTime:Time reason message}
    ObjectMetricSource{describedObject!:CrossVersionObjectReference target!:MetricTarget metric!:MetricIdentifier}
    PodsMetricSource{metric!:MetricIdentifier target!:MetricTarget}
    ResourceMetricSource{name! target!:MetricTarget}
    ExternalMetricSource{metric!:MetricIdentifier target!:MetricTarget}
    ContainerResourceMetricSource{name! target!:MetricTarget container!}
    HPAScalingRules{selectPolicy? policies:HPAScalingPolicy* stabilizationWindowSeconds?:i tolerance?:Quantity}
    ObjectMetricStatus{metric!:MetricIdentifier current!:MetricValueStatus describedObject!:CrossVersionObjectReference}
    PodsMetricStatus{metric!:MetricIdentifier current!:MetricValueStatus}
    ResourceMetricStatus{name! current!:MetricValueStatus}
    ExternalMetricStatus{metric!:MetricIdentifier current!:MetricValueStatus}
    ContainerResourceMetricStatus{name! current!:MetricValueStatus container!}
    MetricTarget{type! value?:Quantity averageValue?:Quantity averageUtilization?:i}
    MetricIdentifier{name! selector?:LabelSelector}
    HPAScalingPolicy{type! value!:i periodSeconds!:i}
    MetricValueStatus{value?:Quantity averageValue?:Quantity averageUtilization?:i}
  `,
  'autoscaling/v1': `
    HorizontalPodAutoscaler{metadata:ObjectMeta spec:HorizontalPodAutoscalerSpec status:HorizontalPodAutoscalerStatus}
    HorizontalPodAutoscalerSpec{scaleTargetRef!:CrossVersionObjectReference minReplicas?:i maxReplicas!:i targetCPUUtilizationPercentage?:i}
    HorizontalPodAutoscalerStatus{observedGeneration?:i lastScaleTime?:Time currentReplicas!:i desiredReplicas!:i currentCPUUtilizationPercentage?:i}
    CrossVersionObjectReference{kind! name! apiVersion}
  `,
  'networking.k8s.io/v1': `
    IngressClass{metadata:ObjectMeta spec:IngressClassSpec}
    IngressClassSpec{controller parameters?:IngressClassParametersReference}
    IngressClassParametersReference{apiGroup? kind! name! scope?! namespace?}
  `,
  'storage.k8s.io/v1': `
    CSIDriver{metadata:ObjectMeta spec!:CSIDriverSpec}
    CSIStorageCapacity{metadata:ObjectMeta nodeTopology?:LabelSelector storageClassName! capacity?:Quantity maximumVolumeSize?:Quantity}
    StorageClass{metadata:ObjectMeta provisioner! parameters:map reclaimPolicy? mountOptions* allowVolumeExpansion?:b volumeBindingMode? allowedTopologies:TopologySelectorTerm*}
    VolumeAttachment{metadata:ObjectMeta spec!:VolumeAttachmentSpec status:VolumeAttachmentStatus}
    VolumeAttributesClass{metadata:ObjectMeta driverName! parameters:map}
    CSIDriverSpec{attachRequired?:b podInfoOnMount?:b volumeLifecycleModes* storageCapacity?:b fsGroupPolicy? tokenRequests:TokenRequest* requiresRepublish?:b seLinuxMount?:b nodeAllocatableUpdatePeriodSeconds?:i serviceAccountTokenInSecrets?:b preventPodSchedulingIfMissing?:b}
    VolumeAttachmentSpec{attacher! source!:VolumeAttachmentSource nodeName!}
    VolumeAttachmentStatus{attached!:b attachmentMetadata:map attachError?:VolumeError detachError?:VolumeError}
    TokenRequest{audience! expirationSeconds?:i}
    VolumeAttachmentSource{persistentVolumeName? inlineVolumeSpec?:PersistentVolumeSpec}
    VolumeError{time:Time message errorCode?:i}
  `,
  'node.k8s.io/v1': `
    RuntimeClass{metadata:ObjectMeta handler! overhead?:Overhead scheduling?:Scheduling}
    Overhead{podFixed:map:Quantity}
    Scheduling{nodeSelector:map tolerations:Toleration*}
  `,
  'resource.k8s.io/v1': `
    DeviceClass{metadata:ObjectMeta spec!:DeviceClassSpec}
    ResourceClaim{metadata:ObjectMeta spec!:ResourceClaimSpec status:ResourceClaimStatus}
    ResourceClaimTemplate{metadata:ObjectMeta spec!:ResourceClaimTemplateSpec}
    ResourceSlice{metadata:ObjectMeta spec!:ResourceSliceSpec}
    DeviceClassSpec{selectors:DeviceSelector* config:DeviceClassConfiguration* 4extendedResourceName?}
    ResourceClaimSpec{devices!:DeviceClaim}
    ResourceClaimStatus{allocation?:AllocationResult reservedFor:ResourceClaimConsumerReference* 4devices:AllocatedDeviceStatus*}
    ResourceClaimTemplateSpec{metadata:ObjectMeta spec!:ResourceClaimSpec}
    ResourceSliceSpec{driver! pool!:ResourcePool nodeName? nodeSelector?:NodeSelector allNodes?:b devices:Device* perDeviceNodeSelection?:b sharedCounters:CounterSet*}
    DeviceSelector{cel?:CELDeviceSelector}
    DeviceClassConfiguration{deviceConfiguration:DeviceConfiguration}
    DeviceClaim{requests!:DeviceRequest* constraints:DeviceConstraint* config:DeviceClaimConfiguration*}
    AllocationResult{devices:DeviceAllocationResult 3nodeSelector?:NodeSelector 5allocationTimestamp?:Time}
    ResourceClaimConsumerReference{apiGroup 3resource! name! uid!}
    AllocatedDeviceStatus{driver! pool! device! conditions!:Condition* data?:RawExtension networkData?:NetworkDeviceData shareID?}
    ResourcePool{name! generation!:i resourceSliceCount!:i}
    Device{name! attributes:map:DeviceAttribute capacity:map:DeviceCapacity consumesCounters:DeviceCounterConsumption* nodeName? nodeSelector?:NodeSelector allNodes?:b taints:DeviceTaint* bindsToNode?:b bindingConditions* bindingFailureConditions* allowMultipleAllocations?:b nodeAllocatableResourceMappings:map:NodeAllocatableResourceMapping}
    CounterSet{name! counters:map:Counter}
    CELDeviceSelector{expression!}
    DeviceConfiguration{opaque?:OpaqueDeviceConfiguration}
    DeviceRequest{name! exactly?:ExactDeviceRequest firstAvailable:DeviceSubRequest*}
    DeviceConstraint{requests* matchAttribute? distinctAttribute?}
    DeviceClaimConfiguration{requests* deviceConfiguration:DeviceConfiguration}
    DeviceAllocationResult{results:DeviceRequestAllocationResult* config:DeviceAllocationConfiguration*}
    NetworkDeviceData{interfaceName ips* hardwareAddress}
    DeviceAttribute{2int?:i bool?:b string? version? ints:i* bools:b* strings* versions*}
    DeviceCapacity{value!:Quantity requestPolicy?:CapacityRequestPolicy}
    DeviceCounterConsumption{counterSet! counters:map:Counter}
    DeviceTaint{key! value effect! timeAdded?:Time}
    NodeAllocatableResourceMapping{capacityKey? allocationMultiplier?:Quantity}
    Counter{value!:Quantity}
    OpaqueDeviceConfiguration{driver! parameters!:RawExtension}
    ExactDeviceRequest{deviceClassName! selectors:DeviceSelector* allocationMode count:i adminAccess?:b tolerations:DeviceToleration* capacity?:CapacityRequirements}
    DeviceSubRequest{name! deviceClassName! selectors:DeviceSelector* allocationMode count:i tolerations:DeviceToleration* capacity?:CapacityRequirements}
    DeviceRequestAllocationResult{request! driver! pool! device! adminAccess?:b tolerations:DeviceToleration* bindingConditions* bindingFailureConditions* shareID? consumedCapacity:map:Quantity}
    DeviceAllocationConfiguration{source! requests* deviceConfiguration:DeviceConfiguration}
    CapacityRequestPolicy{default?!:Quantity 3validValues:Quantity* validRange?:CapacityRequestPolicyRange}
    DeviceToleration{key operator value effect tolerationSeconds?:i}
    CapacityRequirements{requests:map:Quantity}
    CapacityRequestPolicyRange{min?:Quantity max?:Quantity step?:Quantity}
  `,
  'flowcontrol.apiserver.k8s.io/v1': `
    FlowSchema{metadata:ObjectMeta spec:FlowSchemaSpec status:FlowSchemaStatus}
    PriorityLevelConfiguration{metadata:ObjectMeta spec:PriorityLevelConfigurationSpec status:PriorityLevelConfigurationStatus}
    FlowSchemaSpec{priorityLevelConfiguration!:PriorityLevelConfigurationReference matchingPrecedence!:i distinguisherMethod?:FlowDistinguisherMethod rules:PolicyRulesWithSubjects*}
    FlowSchemaStatus{conditions:FlowSchemaCondition*}
    PriorityLevelConfigurationSpec{type! limited?:LimitedPriorityLevelConfiguration exempt?:ExemptPriorityLevelConfiguration}
    PriorityLevelConfigurationStatus{conditions:PriorityLevelConfigurationCondition*}
    PriorityLevelConfigurationReference{name!}
    FlowDistinguisherMethod{type!}
    PolicyRulesWithSubjects{subjects!:Subject* resourceRules:ResourcePolicyRule* nonResourceRules:NonResourcePolicyRule*}
    FlowSchemaCondition{type status lastTransitionTime:Time reason message}
    LimitedPriorityLevelConfiguration{nominalConcurrencyShares?!:i limitResponse:LimitResponse lendablePercent?:i borrowingLimitPercent?:i}
    ExemptPriorityLevelConfiguration{nominalConcurrencyShares?:i lendablePercent?:i}
    PriorityLevelConfigurationCondition{type status lastTransitionTime:Time reason message}
    Subject{kind! user?:UserSubject group?:GroupSubject serviceAccount?:ServiceAccountSubject}
    ResourcePolicyRule{verbs!* apiGroups!* resources!* clusterScope:b namespaces!*}
    NonResourcePolicyRule{verbs!* 6nonResourceURLs!*}
    LimitResponse{type! queuing?:QueuingConfiguration}
    UserSubject{name!}
    GroupSubject{name!}
    ServiceAccountSubject{namespace! name!}
    QueuingConfiguration{queues!:i handSize!:i queueLengthLimit!:i}
  `,
  'admissionregistration.k8s.io/v1': `
    MutatingAdmissionPolicy{metadata:ObjectMeta spec:MutatingAdmissionPolicySpec}
    MutatingAdmissionPolicyBinding{metadata:ObjectMeta spec:MutatingAdmissionPolicyBindingSpec}
    MutatingWebhookConfiguration{metadata:ObjectMeta webhooks:MutatingWebhook*}
    ValidatingAdmissionPolicy{metadata:ObjectMeta spec:ValidatingAdmissionPolicySpec status:ValidatingAdmissionPolicyStatus}
    ValidatingAdmissionPolicyBinding{metadata:ObjectMeta spec:ValidatingAdmissionPolicyBindingSpec}
    ValidatingWebhookConfiguration{metadata:ObjectMeta webhooks:ValidatingWebhook*}
    MutatingAdmissionPolicySpec{paramKind?:ParamKind matchConstraints?:MatchResources variables:Variable* mutations:Mutation* failurePolicy? matchConditions:MatchCondition* reinvocationPolicy}
    MutatingAdmissionPolicyBindingSpec{policyName paramRef?:ParamRef matchResources?:MatchResources}
    MutatingWebhook{name! clientConfig!:WebhookClientConfig rules:RuleWithOperations* failurePolicy? namespaceSelector?:LabelSelector sideEffects?! timeoutSeconds?:i admissionReviewVersions!* matchPolicy? reinvocationPolicy? objectSelector?:LabelSelector matchConditions:MatchCondition*}
    ValidatingAdmissionPolicySpec{paramKind?:ParamKind matchConstraints?:MatchResources validations:Validation* failurePolicy? auditAnnotations:AuditAnnotation* matchConditions:MatchCondition* variables:Variable*}
    ValidatingAdmissionPolicyStatus{observedGeneration:i typeChecking?:TypeChecking conditions:Condition*}
    ValidatingAdmissionPolicyBindingSpec{policyName paramRef?:ParamRef matchResources?:MatchResources validationActions*}
    ValidatingWebhook{name! clientConfig!:WebhookClientConfig rules:RuleWithOperations* failurePolicy? namespaceSelector?:LabelSelector sideEffects?! timeoutSeconds?:i admissionReviewVersions!* matchPolicy? objectSelector?:LabelSelector matchConditions:MatchCondition*}
    ParamKind{apiVersion kind}
    MatchResources{namespaceSelector?:LabelSelector objectSelector?:LabelSelector resourceRules:NamedRuleWithOperations* excludeResourceRules:NamedRuleWithOperations* 7matchPolicy?}
    Variable{name! expression!}
    Mutation{2patchType! applyConfiguration?:ApplyConfiguration jsonPatch?:JSONPatch}
    MatchCondition{name! expression!}
    ParamRef{name namespace selector?:LabelSelector parameterNotFoundAction?}
    WebhookClientConfig{service?:ServiceReference caBundle:y url?}
    RuleWithOperations{operations* rule:Rule}
    Validation{expression! message reason? messageExpression}
    AuditAnnotation{key! valueExpression!}
    TypeChecking{expressionWarnings:ExpressionWarning*}
    NamedRuleWithOperations{resourceNames* ruleWithOperations:RuleWithOperations}
    ApplyConfiguration{expression}
    JSONPatch{expression}
    ServiceReference{namespace! name! path? port?:i}
    Rule{apiGroups* apiVersions* resources* scope?}
    ExpressionWarning{2fieldRef! warning!}
  `,
  'authorization.k8s.io/v1': `
    SelfSubjectRulesReview{metadata:ObjectMeta spec!:SelfSubjectRulesReviewSpec status:SubjectRulesReviewStatus}
    SelfSubjectRulesReviewSpec{namespace}
    SubjectRulesReviewStatus{resourceRules!:ResourceRule* nonResourceRules!:NonResourceRule* incomplete!:b evaluationError}
    ResourceRule{verbs!* apiGroups* resources* resourceNames*}
    NonResourceRule{verbs!* nonResourceURLs*}
  `,
}
