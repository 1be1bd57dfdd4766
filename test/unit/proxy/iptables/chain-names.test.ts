import test from 'ava'
import { endpointChainOf, serviceChainsOf } from '../../../../src/proxy/iptables/chain-names.ts'

test('chains of services and endpoints have the names that kube-proxy gives them', t => {
  const hash = (text: string, protocol: 'TCP' | 'UDP'): string => serviceChainsOf(text, protocol).cluster
  t.is(hash('ns1/svc1:p80', 'TCP'), 'KUBE-SVC-XPGD46QRK7WJZT7O')
  t.is(hash('ns1/svc1', 'TCP'), 'KUBE-SVC-AQI2S6QIMU7PVVRP')
  t.is(hash('default/kubernetes:https', 'TCP'), 'KUBE-SVC-NPX46M4PTMTKRN6Y')
  t.is(hash('kube-system/kube-dns:dns', 'UDP'), 'KUBE-SVC-TCOU7JCQXEZGVUNU')
  t.deepEqual(serviceChainsOf('ns1/svc1:p80', 'TCP'), {
    cluster: 'KUBE-SVC-XPGD46QRK7WJZT7O', local: 'KUBE-SVL-XPGD46QRK7WJZT7O', external: 'KUBE-EXT-XPGD46QRK7WJZT7O', firewall: 'KUBE-FW-XPGD46QRK7WJZT7O',
  })
  t.is(endpointChainOf('ns1/svc1:p80', 'TCP', '10.180.0.1:80'), 'KUBE-SEP-SXIVWICOYRO3J4NJ')
  t.is(endpointChainOf('ns1/svc1:p80', 'TCP', '[fd00:10:180::1]:80'), 'KUBE-SEP-OGYCNMB4EMRUSJ6N')
})
