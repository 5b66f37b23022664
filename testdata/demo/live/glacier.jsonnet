// glacier as it runs: two minors behind git, generation a on Amazon Linux 2.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local desired = import '../clusters/glacier.jsonnet';

eksctl.cluster(desired.spec {
  version: '1.31',
  generations: [{ letter: 'a', family: 'AmazonLinux2' }],
})
