// states_ja.js - Japanese words of presentation states.

export default {
    'states.asking': '表示状態を探しています…',
    'states.none': 'この画像を指す表示状態はありません。',
    'states.plain': 'なし（届いたままの画像）',
    'states.unnamed': '名称なし',
    'states.nobody': '作成者の記載なし',
    'states.ours': 'ここで作成',
    'states.notHere': '{title} – この画像は対象外',
    'states.leave': '元の表示に戻す',
    'states.problem': '適用できません：{text}',
    'states.comma': '、',
    'states.not': '適用されないもの：{list}',
    'states.not.mask': 'マスク減算',
    'states.not.bitmap_shutter': 'ビットマップシャッター',
    'states.not.profile': 'カラープロファイル（ICC）',
    'states.not.palette': '疑似カラーパレット',
    'states.not.compound': '複合グラフィック',
    'states.not.styles': '線と文字のスタイル',
    'states.not.curves': 'カーブ',
    'states.not.aspect': '独自の画素縦横比',
};
